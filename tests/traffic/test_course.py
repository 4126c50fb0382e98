"""When a play is over."""

from traffic.scenario import LinkEvent, Scenario, Stream, Trigger
from traffic.tester.course import TIMERS, Course

VALUES = {"settle_time": 100, "play_limit": 10_000, **dict.fromkeys(TIMERS, 10), "grant_validity": 40}


def begun(start=1000, **words):
    course = Course(Scenario(**words), VALUES)
    course.begin(start)
    return course


def ends(course, busy=lambda _: False):
    """The first ns at which it is over."""
    return next(now for now in range(1000, 20_000) if not course.goes_on(now, busy=busy(now)))


def test_it_ends_settle_after_the_last_data():
    course = begun()
    assert ends(course) == 1100
    course.note(1500)
    course.note(1400)
    assert (ends(course), course.cut) == (1600, "")


def test_what_is_planned_is_waited_for_and_seen_to_settle():
    course = begun()
    course.note(5000)
    assert (ends(course), course.cut) == (5100, "")


def test_what_was_planned_before_its_start_is_kept():
    course = Course(Scenario(), VALUES)
    course.note(5000)
    course.begin(1000)
    assert ends(course) == 5100


def test_what_is_busy_is_waited_for():
    assert ends(begun(), busy=lambda now: now < 3000) == 3000


def test_it_is_cut_at_its_limit_only_if_something_was_left():
    course = begun()
    assert ends(course, busy=lambda _: True) == 11_000
    assert course.cut == "play_limit of 10,000 ns"
    own = begun(limit=200, settle=50)
    own.note(2000)
    assert (ends(own), own.cut) == (1200, "its own limit of 200 ns")
    whole = begun(limit=100)
    assert (ends(whole), whole.cut) == (1100, "")


LOAD = Stream(1, "h0", "h1", sizes=(64,), count=1)


def test_where_nothing_waits_it_may_end_after_the_longest_timer():
    course = begun(streams=(LOAD,))
    course.note(2000)
    assert [course.may_end(now, busy=False) for now in (2039, 2040)] == [False, True]
    assert not course.may_end(2040, busy=True)
    assert course.goes_on(2040, busy=False)


def test_a_scenario_that_says_how_long_it_settles_is_not_ended_sooner():
    course = begun(streams=(LOAD,), settle=70)
    assert [course.may_end(now, busy=False) for now in (1069, 1070)] == [False, True]
    assert not begun(streams=(LOAD,), settle=500).may_end(1499, busy=False)


def test_what_devices_tell_each_other_is_waited_for_where_a_play_is_about_it():
    cut = LinkEvent(0, "h0", up=False)
    later = Trigger(message="GRANT", then=Scenario(links=(cut,)))
    for words in ({}, {"links": (cut,), "streams": (LOAD,)}, {"triggers": (later,), "streams": (LOAD,)}):
        assert [begun(**words).may_end(now, busy=False) for now in (1099, 1100)] == [False, True]


def test_between_two_looks_it_goes_on():
    course = begun()
    assert course.look(1000, busy=False) == 1100
    assert course.look(4000, busy=True) == 4100
    assert course.look(10_950, busy=True) == 11_000
