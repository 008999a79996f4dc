"""Rules of routers: taken and refused as Traefik's muxers do (`pkg/muxer/*/matcher_test.go`)."""

from time import process_time

import pytest

from swarm_operator.plan.routes.rules import rule_doubts, rule_faults
from swarm_operator.plan.routes.tree import Protocol

TAKEN = [
    ("http", "v3", "Host(`example.org`)"),
    ("http", "v3", 'Host("example.org")'),
    ("http", "v3", "host(`example.org`) && PATH(`/x`) || Pathprefix(`/y`)"),
    ("http", "v3", "!(Host(`a`) || Host(`b`))&&Method(`GET`)"),
    ("http", "v3", "HostRegexp(`^[a-z]{1,3}\\.example\\.org$`)"),
    ("http", "v3", "PathRegexp(`(?i)\\.(jpe?g|png)$`)"),
    ("http", "v3", "Header(`X-A`, `b`) && HeaderRegexp(`X-A`, `^b`)"),
    ("http", "v3", "Query(`a`) || Query(`a`, `b`) || QueryRegexp(`a`, `^b$`) || QueryRegexp(`(`)"),
    ("http", "v3", "ClientIP(`10.0.0.0/8`) || ClientIP(`::1`)"),
    ("http", "v3", "Host(`a`) ||\n Host(`b`)"),
    ("http", "v3", "Host(`a`,)"),
    ("http", "v2", "Host(`a`, `b`) && Headers(`X`, `y`) && HostRegexp(`{sub:[a-z]+}.example.org`)"),
    ("http", "v2", "HeadersRegexp(`X`, `y`) && Query(`a=b`) && Path(`/{id}`)"),
    ("tcp", "v3", "HostSNI(`*`)"),
    ("tcp", "v3", "HostSNI(`*.example.org`) && !ClientIP(`10.0.0.1`) || ALPN(`h2`)"),
    ("tcp", "v3", "HostSNIRegexp(`^.+\\.example\\.org$`)"),
    ("tcp", "v2", "HostSNI(`a`, `b`) && HostSNIRegexp(`{sub:.+}.a`)"),
]


@pytest.mark.parametrize(("protocol", "syntax", "rule"), TAKEN)
def test_taken(protocol: Protocol, syntax: str, rule: str) -> None:
    assert list(rule_faults(protocol, rule, syntax)) == []


REFUSED = [
    ("http", "v3", "", "cannot be read"),
    ("http", "v3", "Host(`a`", "cannot be read"),
    ("http", "v3", "Host(`a`))", "cannot be read"),
    ("http", "v3", "Host(`a`) Host(`b`)", "&&"),
    ("http", "v3", "Host(`a`)\n|| Host(`b`)", "a line may not end here"),
    ("http", "v3", "Host('a')", "not in '"),
    ("http", "v3", "Host:a.example.org", "no meaning"),
    ("http", "v3", 'Path("\\d")', "means nothing in double quotes"),
    ("http", "v3", "Hosst(`a`)", "unknown"),
    ("http", "v3", "HoSt(`a`)", "unknown"),
    ("http", "v3", "Headers(`a`, `b`)", "write Header"),
    ("http", "v3", "HostHeader(`a`)", "write Host"),
    ("http", "v3", "HostSNI(`a`)", "for TCP"),
    ("http", "v3", "Host(`a`, `b`)", "Host(`…`) || Host(`…`)"),
    ("http", "v3", "Host()", "has none"),
    ("http", "v3", "Host(``)", "empty"),
    ("http", "v3", "Host(`café`)", "punycode"),
    ("http", "v3", "Path(`x`)", "begin with /"),
    ("http", "v3", "PathPrefix(`x`)", "begin with /"),
    ("http", "v3", "PathRegexp(`(?=x)`)", "look-around"),
    ("http", "v3", "HostRegexp(`[a`)", "has no ]"),
    ("http", "v3", "Header(`a`)", "two texts"),
    ("http", "v3", "Query(`a`, `b`, `c`)", "Query takes"),
    ("http", "v3", "ClientIP(`10.0.0.0/33`)", "IP address"),
    ("http", "v2", "HeaderRegexp(`a`, `b`)", "unknown"),
    ("http", "v2", "HostRegexp(`{a`)", "without a }"),
    ("http", "v2", "HostRegexp(`{:x}`)", "without a name"),
    ("http", "v2", "Query(`a`)", "name=value"),
    ("tcp", "v3", "Host(`a`)", "write HostSNI"),
    ("tcp", "v3", "HostSNI(`a`, `b`)", "HostSNI takes one"),
    ("tcp", "v3", "HostSNI(`a/b`)", "host name"),
    ("tcp", "v3", "ALPN(`acme-tls/1`)", "Traefik's own"),
    ("tcp", "v2", "HostSNI(`*.a`)", "host name"),
]


@pytest.mark.parametrize(("protocol", "syntax", "rule", "said"), REFUSED)
def test_refused(protocol: Protocol, syntax: str, rule: str, said: str) -> None:
    faults = list(rule_faults(protocol, rule, syntax))
    assert said in "; ".join(faults)


def test_no_message_repeats_a_text_of_the_rule() -> None:
    for rule in ("Header(`X-Token`, `hunter2`", "Header(`hunter2`)", "Path(`hunter2`)"):
        assert "hunter2" not in "; ".join(rule_faults("http", rule))


def test_a_rule_of_v2_that_v3_takes_for_something_else_is_doubted() -> None:
    assert list(rule_doubts("HostRegexp(`{sub:[a-z]+}.example.org`)"))
    assert not list(rule_doubts("HostRegexp(`[a-z]{1,3}.example.org`)"))
    assert not list(rule_doubts("HostRegexp(`{sub:[a-z]+}.example.org`)", "v2"))


@pytest.mark.parametrize("rule", ["HostRegexp(`{a:[a-z]{2,3}}.b`)", "PathRegexp(`/{id}`)"])
def test_a_count_inside_a_name_changes_nothing(rule: str) -> None:
    assert list(rule_doubts(rule))
    assert not list(rule_doubts("PathRegexp(`{2}a{3,4}{a:`)"))


@pytest.mark.parametrize(
    "text", ["{a:" * 80_000, "{" * 240_000, "(?i)" * 30_000 + "|" * 120_000, "(" * 240_000]
)
def test_no_regular_expression_takes_long(text: str) -> None:
    rule = f"HostRegexp(`{text}`)"
    began = process_time()
    if not list(rule_faults("http", rule)):
        list(rule_doubts(rule))
    assert process_time() - began < 5


@pytest.mark.parametrize("number", ["\\UFFFFFFFF", "\\U00110000", "\\ud800"])
def test_a_number_that_is_no_character(number: str) -> None:
    (said,) = rule_faults("http", f'Path("/{number}")')
    assert "no character" in said


def test_a_rule_may_be_long_and_not_deep() -> None:
    assert list(rule_faults("http", " || ".join(f"Host(`h{n}`)" for n in range(14_000)))) == []
    (said,) = rule_faults("http", " || ".join(f"Host(`h{n}`)" for n in range(20_000)))
    assert "256 kB" in said
    assert list(rule_faults("http", "(" * 90 + "Host(`a`)" + ")" * 90)) == []
    for deep in ("(" * 10_000 + "Host(`a`)" + ")" * 10_000, "!" * 10_000 + "Host(`a`)"):
        (said,) = rule_faults("http", deep)
        assert "inside each other" in said


@pytest.mark.parametrize("rule", ["Host(`*.example.org`)", "HostSNI(`*.example.org`)"])
def test_wildcards_are_doubted_where_the_version_does_not_know_them(rule: str) -> None:
    (doubt,) = rule_doubts(rule, version=(3, 6, 15))
    assert "3.7" in doubt
    assert not list(rule_doubts(rule, version=(3, 7, 0)))
    assert not list(rule_doubts("HostSNI(`*`)", version=(3, 0, 0)))
