from gateway.observe.merge import Family, Sample, merge


def family(name: str, kind: str, value: float) -> Family:
    return Family(name, kind, "x", (Sample(name, (("a", "b"),), value),))


def test_what_every_worker_shows_of_one_thing_is_one() -> None:
    """Two workers with a switch on are one switch; connections and counts add up."""
    worker = (
        family("sekisho_switch_on", "gauge", 1.0),
        family("sekisho_build_info", "gauge", 1.0),
        family("sekisho_connections", "gauge", 3.0),
        family("sekisho_requests", "counter", 5.0),
    )

    merged = {each.name: each.samples[0].value for each in merge((worker, worker))}

    assert merged == {
        "sekisho_switch_on": 1.0,
        "sekisho_build_info": 1.0,
        "sekisho_connections": 6.0,
        "sekisho_requests": 10.0,
    }
