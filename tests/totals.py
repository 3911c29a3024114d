"""What the tests of one run have really done: acts, faults, kills, bytes read and compared, and what did not hold."""

from dataclasses import dataclass


@dataclass
class Totals:
    """Counted where it happens: by the driver, the proxy, the checks after a fault and the state machine."""

    operations: int = 0
    faults: int = 0
    kills: int = 0
    bytes_verified: int = 0
    breaches: int = 0

    def lines(self) -> list[str]:
        """As `make soak` prints them at its end."""
        named = {
            "operations": self.operations,
            "faults injected": self.faults,
            "kills": self.kills,
            "bytes verified": self.bytes_verified,
            "breaches": self.breaches,
        }
        return [f"{name:<16}{count:>16,}" for name, count in named.items()]


TOTALS = Totals()
