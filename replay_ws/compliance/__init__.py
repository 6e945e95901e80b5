"""Whether a session keeps the rules of its protocol: profiles as data, and the checker."""

from replay_ws.compliance.checker import Checker, check, required_events, required_share
from replay_ws.compliance.loading import is_profile, load_profile, parse_profile, profile_names
from replay_ws.compliance.profile import Profile
from replay_ws.compliance.report import Check, Finding, Report
from replay_ws.compliance.rules import Severity

__all__ = [
    "Check",
    "Checker",
    "Finding",
    "Profile",
    "Report",
    "Severity",
    "check",
    "is_profile",
    "load_profile",
    "parse_profile",
    "profile_names",
    "required_events",
    "required_share",
]
