"""Default rules, as Go's templates with sprig's functions give them."""

import pytest

from swarm_operator.plan.routes.rule_templates import Model, RuleTemplate
from swarm_operator.plan.routes.template_functions import normalize

MODEL = Model("shop-web", "shop_web", {"zone": "example.org", "com.docker.stack.namespace": "shop"})


@pytest.mark.parametrize(
    ("template", "rule"),
    [
        ("Host(`{{ normalize .Name }}`)", "Host(`shop-web`)"),
        ('Host(`{{ .Name }}.{{ index .Labels "zone" }}`)', "Host(`shop-web.example.org`)"),
        ("Host(`{{trimPrefix `shop-` .Name}}.x`)", "Host(`web.x`)"),
        ('{{ .Name | replace "-" "." | upper }}', "SHOP.WEB"),
        ('{{ splitList "-" .Name | last }}', "web"),
        ('{{ (split "-" .Name)._0 }}', "shop"),
        ('{{ index (splitList "-" .Name) 1 }}', "web"),
        ('{{ printf "%s/%d%%" .Name 7 }}', "shop-web/7%"),
        ('{{ index .Labels "none" | default "d" }}', "d"),
        ("{{ .Labels.zone }}{{ .Labels.none }}", "example.org"),
        ("{{ .ContainerName }}", "shop_web"),
        ("a {{- /* c */ -}} b", "ab"),
        ("{{/* c */}}x", "x"),
        ('{{ if eq .Name "x" "shop-web" }}y{{ else }}n{{ end }}', "y"),
        ("{{ if .Labels.none }}1{{ else if not .Labels.none }}2{{ else }}3{{ end }}", "2"),
        ("{{ if and .Name (or .Labels.none .Labels.zone) }}y{{ end }}", "y"),
        ('{{ if hasPrefix "x" .Name }}y{{ end }}', ""),
        ('{{ ternary "a" "b" (contains "web" .Name) }}', "a"),
        ('{{ join "." (splitList "-" .Name | reverse) }}', "web.shop"),
        ("{{ trunc 4 .Name }}{{ trunc -3 .Name }}", "shopweb"),
        ('{{ "}}" }}', "}}"),
    ],
)
def test_rendered(template: str, rule: str) -> None:
    assert RuleTemplate.parse(template).rendered(MODEL) == rule


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ .Name", "has no }}"),
        ("{{ nonsense .Name }}", "the function nonsense"),
        ('{{ env "HOME" }}', "the function env"),
        ("{{ range .Labels }}{{ end }}", "range"),
        ("{{ $x := .Name }}", "$ is not read"),
        ("{{ if .Name }}", "without {{ end }}"),
        ("{{ end }}", "without an if"),
        ("{{ if .Name }}{{ else }}{{ else }}{{ end }}", "two {{ else }}"),
        ("{{ }}", "empty"),
        ("{{ .Name | }}", "empty"),
        ("{{ (.Name }}", "has no )"),
        ("{{ .Name | .Name }}", "no function"),
        ('{{ "\\q" }}', "means nothing"),
    ],
)
def test_not_read(template: str, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        RuleTemplate.parse(template)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "template",
    ["{{ .Foo }}", "{{ .Labels }}", '{{ index .Name "a" }}', "{{ lower }}", '{{ printf "%x" 1 }}'],
)
def test_not_for_this_service(template: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        RuleTemplate.parse(template).rendered(MODEL)


@pytest.mark.parametrize(
    ("name", "normal"),
    [("a_b", "a-b"), ("--a..b__", "a-b"), ("A1", "A1"), ("é_ß", "é-ß"), ("", "")],
)
def test_normalize(name: str, normal: str) -> None:
    assert normalize(name) == normal
