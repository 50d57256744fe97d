"""What people found who read plans by hand, and causes: neighbours of test_found_by_hand.py."""

from executions.sources import make_source
from executions.test_preflight_traps import ask, of


def test_a_role_that_expired_long_ago_is_not_short_lived(cloud, databases):
    source = make_source(cloud, "expired", 17)
    with databases.connect(source) as session:
        session.execute("create role closed login password 'x' valid until '2001-01-01'")
        session.execute("create role never login password 'x' valid until '-infinity'")
        session.execute("create role yesterday login password 'x' valid until 'yesterday'")
        session.execute("create role tomorrow login password 'x' valid until 'tomorrow'")
    told = of(ask(cloud, "expired"), "ShortLivedRoles", "warn")
    assert "2 roles are short-lived" in told and "tomorrow, yesterday" in told, told
