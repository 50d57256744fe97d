"""A small sweep; `make sweep` is the large one."""

from .__main__ import print_verdict, run


def test_start_lsns_of_cut_wal_are_exact_on_13_and_17():
    recovered = run(24, [13, 17], seed=20261124)
    print_verdict(recovered)
    assert [each.truth() for each in recovered if not each.exact] == []
    assert len(recovered) == 24
