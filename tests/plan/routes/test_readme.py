"""The generated part of the page: labels of Traefik 1.

python -m tests.plan.routes.test_readme      makes it anew
"""

from pathlib import Path

from swarm_operator.plan.routes import v1_labels

README = Path(v1_labels.__file__).parent / "README.md"
_START, _END = "<!-- generated: labels of Traefik 1 -->\n", "<!-- end -->\n"


def table() -> str:
    rows = ["| Traefik 1 | today |", "|---|---|"]
    for old, new in v1_labels.EQUIVALENTS.items():
        text, colon, label = new.rpartition(": ")
        today = f"{text}{colon}`{label}`" if "traefik." in label else new
        rows.append(f"| `traefik.{old}` | {today.format(name='<name>')} |")
    return "\n".join(rows) + "\n"


def refreshed(page: str) -> str:
    before, _, rest = page.partition(_START)
    return before + _START + table() + _END + rest.partition(_END)[2]


def test_the_page_is_up_to_date() -> None:
    assert README.read_text() == refreshed(README.read_text())


if __name__ == "__main__":
    README.write_text(refreshed(README.read_text()))
