"""Go's regular expressions by means of Python's."""

import pytest

from swarm_operator.plan.routes.go_regexes import NotARegex, compiled


@pytest.mark.parametrize(
    ("text", "found", "missed"),
    [
        ("^ab?c$", "ac", "ac\n"),
        ("(?i)^foo$", "FOO", "food"),
        ("a(?i)b|c", "C", "Ab"),
        ("x(?:(?i)b)c", "xBc", "xBC"),
        ("[[:alpha:]]+$", "abc", "1"),
        ("[^[:digit:]]", "a", "1"),
        ("^(a|b){2,3}$", "aba", "a"),
        ("(?P<n>x)(?<m>y)", "xy", "x"),
        ("\\Qa.b\\E$", "a.b", "axb"),
        ("a{", "a{", "a"),
        ("[+--]", "-", "a"),
        ("[]a]", "]", "b"),
        ("\\x41\\x{42}\\103", "ABC", "ab"),
        ("\\d+\\.\\w", "1.a", "a.1"),
        ("a+?b*?", "a", "b"),
        ("(?s).b", "\nb", "b"),
        ("(?m)^b$", "a\nb\nc", "ab"),
        ("a\\z", "a", "a\n"),
        ("[[&&~~||]", "&", "a"),
        ("\\pL", "a", ""),
    ],
)
def test_reads_what_go_reads(text: str, found: str, missed: str) -> None:
    assert compiled(text).search(found)
    assert not compiled(text).search(missed)


@pytest.mark.parametrize(
    "text",
    [
        "(?=a)",
        "(?!a)",
        "(?<=a)",
        "(?>a)",
        "(?P=n)",
        "(a)\\1",
        "a**",
        "a{2}{3}",
        "a++",
        "(",
        ")",
        "[a",
        "[b-a]",
        "a{1001}",
        "a\\",
        "\\8",
        "\\h",
        "\\Z",
        "[[:foo:]]",
        "\\p",
        "\\xg",
        "*a",
        "(?z)a",
    ],
)
def test_refuses_what_go_refuses(text: str) -> None:
    with pytest.raises(NotARegex) as refused:
        compiled(text)
    assert text == ")" or text not in str(refused.value).replace("\\", "\\\\") or len(text) < 3
