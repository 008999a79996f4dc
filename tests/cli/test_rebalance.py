"""`rebalance`, `rebalance pause` and `resume`, and what `status` and `why` say of moving tasks."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from desired_state import keys
from desired_state.rebalance_records import RebalanceStatus
from desired_state.records import Request
from swarm_operator.cli import rebalance, rebalance_view
from swarm_operator.cli.moments import told
from swarm_operator.observed.swarm import Swarm
from swarm_operator.plan.rebalance.moves import Question
from swarm_operator.plan.rebalance.recommendation import Wished, wish
from swarm_operator.runtime import outlook
from tests.cli.at_home import AtHome
from tests.cli.conftest import CommandLine
from tests.cli.test_status import lead, put_status
from tests.rebalance.home import QUICK, Home

NOW = "desired/requests/rebalance/now"
PAUSE = "desired/requests/rebalance/pause"
MORNING = datetime(2026, 11, 21, 8, tzinfo=UTC)


@pytest.fixture
def at_home() -> Iterator[AtHome]:
    """Four of `api` on four nodes, and a fifth node that has just come."""
    home = Home(policy=QUICK[:-1] + ", mode: recommend}")
    ports = [{"target": 80, "published": 8080, "mode": "host"}]
    home.push(
        "shop",
        {
            "api": {"deploy": {"replicas": 10}},
            "fixed": {"deploy": {"replicas": 5}, "x-operator": {"rebalance": "never"}},
            "edge": {"deploy": {"replicas": 2}, "ports": ports},
        },
    )
    home.live()
    home.outage("w1")
    home.run(90.0)
    yield AtHome(home)
    assert not home.broken


def test_a_dry_run_shows_moves_costs_and_why_not(at_home: AtHome) -> None:
    result = at_home("rebalance", "--dry-run")
    assert result.exit_code == 0, result.stderr
    head, first, *_ = result.stdout.splitlines()
    assert head.split() == ["#", "SERVICE", "FROM", "TO", "COST", "NOW"]
    number, service, _source, target = first.split()[:4]
    assert (number, service, target) == ("1", "shop_api", "w1")
    assert first.split()[4:] == ["1", "restart", "waits"]
    assert "1 restart: the old task serves until the new one does" in result.stdout
    assert "all wait: the policy says rebalance: {mode: recommend}" in result.stdout
    stays = result.stdout.partition("out of balance, and stays so:")[2]
    assert "shop_fixed: 1 task too many on" in stays
    assert "its document says never" in stays


def test_a_dry_run_is_readable_on_a_narrow_terminal(at_home: AtHome) -> None:
    document = json.loads(at_home("rebalance", "--dry-run", "-o", "json").stdout)
    assert len(document["moves"]) > 1
    for line in (
        at_home("rebalance", "--dry-run").stdout.partition("out of balance")[0].splitlines()
    ):
        assert len(line) <= 80


def test_an_empty_node_that_stays_so_is_told_with_every_reason() -> None:
    """Spread is not all: what may not be moved leaves the one that came back empty."""
    home = Home(policy=QUICK)
    managers = {"placement": {"constraints": ["node.role == manager"]}}
    never = {"x-operator": {"rebalance": "never"}}
    home.push("bound", {"api": {"deploy": {"replicas": 9, **managers}}})
    home.live()
    at = AtHome(home)
    # What the documents wish is no news, but the dry run has it.
    assert (home.status().state, home.status().message) == ("Balanced", "")
    bound = at("rebalance", "--dry-run").stdout
    assert bound.startswith("nothing is to be moved")
    assert re.search(r"m\d has 3 tasks and w1 0; what stays on m\d:", bound)
    assert "bound_api: the constraint node.role == manager does not hold there" in bound
    home.push("fixed", {"one": never, "two": never, "three": {"deploy": {"replicas": 6}, **never}})
    home.run(60.0)
    home.outage("w1")
    home.until(lambda: "has" in home.status().message)
    state, said = home.status().state, home.status().message
    assert state in {"Balanced", "Unbalanced"}
    document = json.loads(at("rebalance", "--dry-run", "-o", "json").stdout)
    gap = document["gap"]
    assert (gap["to"], gap["tasks"][1]) == ("w1", 0)
    assert set(gap["stays"]) & {"fixed_one", "fixed_two", "fixed_three"}
    assert "its document says never" in gap["stays"].values()
    assert "rebalancing: " in at("status").stdout
    assert said
    assert not home.broken


def test_a_dry_run_writes_nothing(at_home: AtHome) -> None:
    before = at_home.home.people.read("").entries
    at_home("rebalance", "--dry-run")
    assert at_home.home.people.read("").entries == before


def test_a_dry_run_in_the_gates_order(at_home: AtHome) -> None:
    at_home.home.put_policy(QUICK)
    at_home("rebalance", "pause", "--reason", "the big day")
    document = json.loads(at_home("rebalance", "--dry-run", "-o", "json").stdout)
    assert "rebalancing is paused by" in document["closed"]
    assert {move["to"] for move in document["moves"]} == {"w1"}
    assert {move["how"] for move in document["moves"]} == {"directed"}
    assert all(move["why_not"] for move in document["moves"])
    assert [stay["service"] for stay in document["stays"]].count("shop_fixed") >= 1


def test_what_the_dry_run_says_is_what_is_done(at_home: AtHome) -> None:
    """Both plan with the same functions; but each move is planned anew, with what is true then."""
    home = at_home.home
    told_moves = json.loads(at_home("rebalance", "--dry-run", "-o", "json").stdout)["moves"]
    home.put_policy(QUICK)
    home.until(lambda: len(home.events()) == len(told_moves))
    home.until(lambda: home.status().state in {"Balanced", "Unbalanced"})
    done = [(event.name, event.message) for event in home.events("planned")]
    first = told_moves[0]
    assert done[0] == (first["service"], f"{first['from']} → {first['to']}")
    assert len(done) == len(told_moves)
    again = at_home("rebalance", "--dry-run").stdout
    assert again.startswith("nothing is to be moved")
    home.run(2.0)
    said = "tasks of shop_api were moved: `docker service rollback` does nothing now, "
    assert (
        f"{said}`swarm-operator rollback shop` is the way back" in at_home("status", "shop").stdout
    )
    assert "`swarm-operator rollback shop` is the way back." in at_home("why", "shop_api").stdout
    # Once something else was written to it, Swarm knows a spec of before again.
    home.push("shop", {"api": {"image": "app:2", "deploy": {"replicas": 10}}})
    home.run(90.0)
    assert "docker service rollback" not in at_home("status", "shop").stdout


def test_status_and_why_tell_of_it(at_home: AtHome) -> None:
    shown = at_home("status").stdout
    assert "rebalancing: Recommending: " in shown
    assert "too many on" in shown
    assert "rebalancing shop_api: " in at_home("status", "shop").stdout
    why = at_home("why", "shop_api").stdout
    assert "Its tasks are not where they should be: " in why


# --- wishes ---------------------------------------------------------------------------------------------


def request(run: CommandLine, key: str) -> Request:
    found = Request.parse(run.fake_kv.entries[key].value)
    assert found is not None
    return found


def test_rebalance_asks_the_lease_holder(run: CommandLine) -> None:
    result = run("rebalance")
    assert (result.exit_code, result.stdout) == (0, "tasks are to be moved now\n")
    assert request(run, NOW).who


def test_waiting_for_it_ends_with_a_word_where_nobody_leads(run: CommandLine) -> None:
    result = run("rebalance", "--wait", "--timeout", "0.1s")
    assert result.exit_code == 1
    assert "did not take the request" in result.stderr


def test_pause_and_resume(run: CommandLine) -> None:
    result = run("rebalance", "pause", "--reason", "the big day", "--until", "2h")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("rebalancing: paused until 2")
    assert request(run, PAUSE).reason == "the big day"
    assert request(run, PAUSE).until is not None
    asked = run("rebalance").stdout
    assert asked.startswith("tasks are to be moved now; but rebalancing is paused")
    assert "nothing moves before its end (until 2" in asked
    assert "resumed; it was paused by" in run("rebalance", "resume").stdout
    assert PAUSE not in run.fake_kv.entries
    assert run("rebalance", "resume").stdout == "rebalancing: was not paused\n"
    assert run("rebalance").stdout == "tasks are to be moved now\n"


@pytest.mark.parametrize("arguments", [(), ("--reason", " "), ("--reason", "x", "--until", "0s")])
def test_a_pause_that_makes_no_sense(run: CommandLine, arguments: tuple[str, ...]) -> None:
    result = run("rebalance", "pause", *arguments)
    assert result.exit_code == 2
    assert PAUSE not in run.fake_kv.entries


@pytest.mark.parametrize("option", [("--dry-run",), ("--wait",), ("-o", "json")])
@pytest.mark.parametrize("verb", [("pause", "--reason", "x"), ("resume",)])
def test_options_of_rebalance_alone_are_refused_before_a_subcommand(
    run: CommandLine, option: tuple[str, ...], verb: tuple[str, ...]
) -> None:
    """`--dry-run pause` would really pause."""
    put = Request(who="ann").encode()
    if verb[0] == "resume":
        run.fake_kv.put(PAUSE, put)
    before = dict(run.fake_kv.entries)
    result = run("rebalance", *option, *verb)
    assert result.exit_code == 2
    assert f"`rebalance {verb[0]}`" in result.stderr
    assert run.fake_kv.entries == before
    assert run("rebalance", *verb).exit_code == 0
    assert run.fake_kv.entries != before


def test_for_programs_it_answers_in_json(run: CommandLine) -> None:
    plain = {"asked": True, "paused": None, "blocked": None, "taken": None}
    assert json.loads(run("rebalance", "-o", "json").stdout) == plain
    assert request(run, NOW).who
    run("rebalance", "pause", "--reason", "the big day")
    status = RebalanceStatus(state="Blocked", message="shop_api: do this")
    run.fake_kv.put(keys.REBALANCE_STATUS, status.encode())
    found = json.loads(run("rebalance", "-o", "json").stdout)
    assert found["blocked"] == "shop_api: do this"
    assert "rebalancing is paused" in found["paused"]
    text = run("rebalance").stdout
    assert "rebalancing is paused" in text
    assert text.endswith("; but this stays as it is: shop_api: do this\n")


def test_a_world_that_cannot_be_read_whole_has_no_dry_run(run: CommandLine) -> None:
    run("init")
    run.fake_swarm.swarm = Swarm(cluster_id="swarm-1", incomplete=("no answer to /tasks",))
    result = run("rebalance", "--dry-run")
    assert result.exit_code == 1
    assert "no answer to /tasks" in result.stderr


# --- moments --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ("2026-11-21T08:00:40Z", "w1 must be steady for another 40 s"),
        ("2026-11-21T08:05:00Z", "w1 must be steady for another 5 min"),
        ("2026-11-21T12:30:00Z", "w1 must be steady until 12:30 UTC"),
        ("2026-11-23T12:30:00Z", "w1 must be steady until 2026-11-23 12:30 UTC"),
        ("2026-11-21T07:59:00Z", "w1 must be steady for a moment yet"),
    ],
)
def test_moments_are_told_as_people_would(moment: str, words: str) -> None:
    assert told(f"w1 must be steady until {moment}", MORNING) == words


def test_a_balanced_swarm_is_not_worth_a_line(run: CommandLine) -> None:
    lead(run)
    put_status(run)
    status = RebalanceStatus(state="Balanced")
    assert rebalance_view.lines(status, MORNING) == []
    run.fake_kv.put(keys.REBALANCE_STATUS, status.encode())
    assert "rebalancing" not in run("status").stdout
    moving = RebalanceStatus(state="Moving", message="shop_api: the new task is starting")
    run.fake_kv.put(keys.REBALANCE_STATUS, moving.encode())
    assert "rebalancing: Moving: shop_api: the new task is starting" in run("status").stdout
    document = json.loads(run("status", "-o", "json").stdout)
    assert document["rebalance"]["state"] == "Moving"


def test_an_old_pause_is_over(run: CommandLine) -> None:
    over = Request(who="ann", until=datetime.now(UTC) - timedelta(hours=1))
    run.fake_kv.put(PAUSE, over.encode())
    assert "it was paused by ann" in run("rebalance", "resume").stdout


def test_a_dry_run_asks_what_the_operator_asks(at_home: AtHome) -> None:
    """Among equals goes what was moved longest ago: the operator remembers that, and has noted it."""
    home = at_home.home
    home.put_policy(QUICK)
    home.until(lambda: home.status().state in {"Balanced", "Unbalanced"})
    asked: list[Question] = []
    with pytest.MonkeyPatch.context() as patch:
        for where in (rebalance, outlook):
            patch.setattr(where, "wish", _noting(asked))
        home.outage("w2")
        home.run(60.0)
        by_operator = asked[-1]
        at_home("rebalance", "--dry-run")
    assert asked[-1] is not by_operator
    assert asked[-1].moved_at == by_operator.moved_at != {}
    assert asked[-1].mobilities == by_operator.mobilities


def _noting(asked: list[Question]) -> Callable[..., Wished]:
    def noted(swarm: Swarm, utc: datetime, question: Question, *more: Any) -> Wished:
        asked.append(question)
        return wish(swarm, utc, question, *more)

    return noted
