"""The cheapest set of edges that separates a source from a sink, by augmenting paths.

Ford and Fulkerson, Canadian Journal of Mathematics 8 (1956); shortest paths first, as Edmonds and
Karp, Journal of the ACM 19 (1972).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable

Place = Hashable

#: More than any sum of capacities that are lengths of arrays.
UNBOUNDED = 1 << 200


class Cut:
    """Directed edges with capacities; parallel ones add up."""

    def __init__(self) -> None:
        self._rest: dict[Place, dict[Place, int]] = {}

    def edge(self, start: Place, end: Place, capacity: int = UNBOUNDED) -> None:
        """Add an edge; without a capacity it is never cut."""
        forward = self._rest.setdefault(start, {})
        forward[end] = min(UNBOUNDED, forward.get(end, 0) + capacity)
        self._rest.setdefault(end, {}).setdefault(start, 0)

    def sink_side(self, source: Place, sink: Place) -> set[Place]:
        """The places on the sink's side of a minimum cut, as few as possible.

        Raises:
            AssertionError: every cut has an edge without a capacity.
        """
        while True:
            came_from = self._reached(source)
            if sink not in came_from:
                return self._reaching(sink)
            path = [sink]
            while path[-1] != source:
                path.append(came_from[path[-1]])
            steps = list(zip(path[1:], path[:-1], strict=True))
            amount = min(self._rest[start][end] for start, end in steps)
            if amount >= UNBOUNDED:
                raise AssertionError(f"nothing can be cut between {source} and {sink}")
            for start, end in steps:
                if self._rest[start][end] < UNBOUNDED:
                    self._rest[start][end] -= amount
                self._rest[end][start] = min(UNBOUNDED, self._rest[end][start] + amount)

    def _reached(self, source: Place) -> dict[Place, Place]:
        """Where each place that has capacity left from the source was reached from."""
        came_from = {source: source}
        waiting = deque([source])
        while waiting:
            place = waiting.popleft()
            for other, capacity in self._rest.get(place, {}).items():
                if capacity > 0 and other not in came_from:
                    came_from[other] = place
                    waiting.append(other)
        return came_from

    def _reaching(self, sink: Place) -> set[Place]:
        """The places from which capacity is left to the sink."""
        backwards: dict[Place, list[Place]] = {}
        for place, others in self._rest.items():
            for other, capacity in others.items():
                if capacity > 0:
                    backwards.setdefault(other, []).append(place)
        found, waiting = {sink}, [sink]
        while waiting:
            for place in backwards.get(waiting.pop(), ()):
                if place not in found:
                    found.add(place)
                    waiting.append(place)
        return found
