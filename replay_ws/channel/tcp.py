"""Stub of the lead, to be overwritten."""

RETRIES_MAX = 15


def recovery_ns(
    first_ns: int,
    healed_ns: int,
    *,
    rto_min_ns: int = 200_000_000,
    rto_max_ns: int = 120_000_000_000,
) -> int:
    at, rto = first_ns, rto_min_ns
    while at < healed_ns:
        at += rto
        rto = min(2 * rto, rto_max_ns)
    return at


def gives_up_ns(
    first_ns: int, *, rto_min_ns: int = 200_000_000, rto_max_ns: int = 120_000_000_000
) -> int:
    return first_ns + 924_000_000_000


def late_ns(lost: int) -> int:
    return 200_000_000 * lost
