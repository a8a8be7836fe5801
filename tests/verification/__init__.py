"""Tests of the independent check of derivatives."""
