"""Where this contract differs from `docker stack deploy` (docker/cli 28.x), as data.

The README's table is made from it by `table()`, and a test holds the two together.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Outcome(StrEnum):
    """What becomes of a document here."""

    REFUSED = "refused"
    WARNED = "taken, with a warning"
    TAKEN = "taken"
    OTHER = "differs"


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference, with its reason."""

    subject: str
    docker: str
    here: Outcome
    reason: str


_R, _W, _T, _O = Outcome.REFUSED, Outcome.WARNED, Outcome.TAKEN, Outcome.OTHER

DIFFERENCES: Final = (
    # Where values come from
    Difference(
        "source of `${…}` and of environment keys without a value",
        "the environment of the process that deploys",
        _O,
        "the folder's `.env` alone (or `--env-file`): the same folder is the same stack everywhere",
    ),
    Difference(
        "`${NAME}` where NAME is nowhere set and has no default",
        "becomes an empty text, silently",
        _R,
        "an empty password or path is nobody's wish; write `${NAME:-}` if it is",
    ),
    Difference(
        "`$NAME-text`, `$NAME?text`, `$NAME:-text` without braces",
        "takes the text for an operator and drops it",
        _R,
        "text would be lost; write `${NAME}-text`",
    ),
    Difference(
        "`${A:?must-be set}`, `${A-b:-c}`: an operator inside the text of another",
        "splits at the wrong place: gives `be set`, or looks for a variable `A-b`",
        _R,
        "the variable's value would be lost",
    ),
    Difference(
        "`${A:-${B}}`, `${A:-$B}`",
        "ends at the first brace and gives the text `${B}`",
        _R,
        "nobody means that text; give B its value in `.env`",
    ),
    Difference("`${A:+text}`, `${A+text}`", "refused", _T, "as the Compose specification has it"),
    Difference(
        "an environment variable with an empty value that the source of variables has",
        "replaced by that value, silently",
        _W,
        "the same is sent",
    ),
    Difference(
        "relative bind sources",
        "relative to the folder of the first file",
        _R,
        "a folder in the KV lies nowhere on a node; `x-operator.project_directory` says where "
        "relative paths begin, and then they are taken",
    ),
    Difference(
        "`~` in a bind source", "HOME of the person who deploys", _R, "nobody's home is on a node"
    ),
    Difference(
        r"`\\.\pipe\name:/target` in short form",
        "a relative path on a Linux client",
        _R,
        "write a long volume of type `npipe`",
    ),
    Difference(
        "files outside of the folder (`../x`, `/etc/x`) of configs, secrets and `env_file`",
        "read from the disk",
        _R,
        "only the folder is there when the operator reads it",
    ),
    # What has no effect
    Difference(
        "`build`, `cgroup_parent`, `cgroupns_mode`, `container_name`, `devices`, `domainname`, "
        "`expose`, `external_links`, `ipc`, `links`, `mac_address`, `network_mode`, `pid`, "
        "`privileged`, `security_opt`, `shm_size`, `userns_mode`",
        "ignored with one line for all services",
        _W,
        "each is named with its place",
    ),
    Difference(
        "short `depends_on`, `tmpfs`, `oom_score_adj`, `ipv4_address`, `ipv6_address`, unknown "
        "keys of references and of mount options, `x-cluster-spec`",
        "dropped without a word",
        _W,
        "each is named with its place",
    ),
    Difference(
        "unknown options of a short volume, a one-letter volume name, entries of `extra_hosts` "
        "without a separator, the address of a port, unknown words for a port's mode or protocol "
        "and for `isolation`",
        "ignored, or taken for something else, silently",
        _W,
        "the same is sent",
    ),
    Difference(
        "`extra_hosts` as a mapping with a number", "sends `%!s(int=1)`", _R, "put it in quotes"
    ),
    Difference(
        "YAML tags such as `!override`; a second document in a file",
        "ignored silently",
        _W,
        "they have no effect here either",
    ),
    Difference(
        "a false, 0 or empty value in a further document; logging options onto none",
        "cannot override, silently",
        _W,
        "the same is sent",
    ),
    Difference(
        "several references of a service to one config or secret",
        "in random order, which restarts tasks now and then",
        _O,
        "in the order of their targets",
    ),
    # What the engine would refuse later
    Difference(
        "what the engine refuses: names, sizes, memory below 4M, CPUs below 0.001, negative "
        "delays, ratios outside of 0 to 1, health times below 1ms, unknown words for restart "
        "conditions, failure actions, propagation and endpoint mode, constraints without `==` or "
        "`!=`, unknown placeholders, jobs with `update_config`, `dnsrr` with ingress ports, two "
        "mounts at one target, one port twice, a network of driver `bridge`, a subnet that is "
        "none, ids of images, mounts of type `image`",
        "found by the engine, after networks, configs and secrets are written",
        _R,
        "nothing is written for a stack of which a part cannot work",
    ),
    Difference(
        "ports above 65535 in long form, infinities and NaN",
        "sent, or an error of its own",
        _R,
        "no engine can do anything with them",
    ),
    Difference(
        "documents above 1 MiB, deeper than 100 levels, or of more than 100 000 values",
        "taken",
        _R,
        "limits against documents that are made to hurt",
    ),
    # Taken beyond docker/cli
    Difference(
        "`content:` of configs and secrets",
        "refused",
        _T,
        "as the Compose specification has it; with a warning for secrets",
    ),
    Difference(
        "`env_file` as a list of mappings with `path`, `required`, `format: raw`",
        "refused",
        _T,
        "as the Compose specification has it; without `format` it is read raw, too",
    ),
    Difference(
        "`name:` at the top",
        "refused",
        _T,
        "the folder names the stack; another name is a warning and has no effect",
    ),
    Difference(
        "`published` and `target` of a port as digits in quotes",
        "refused",
        _T,
        "as the Compose specification has it",
    ),
    Difference(
        "`credential_spec.config` naming a config with a `name:`",
        "refused: it does not find it",
        _T,
        "it is there",
    ),
    Difference("`x-operator` at every `version:`", "`x-…` from 3.4 and 3.7 on", _T, "it is ours"),
    Difference(
        "everything else that only the Compose specification has (long `depends_on`, `include`, "
        "`profiles`, `cpus`, `mem_limit`, `group_add` …)",
        "refused",
        _R,
        "refused by name, with what to write instead",
    ),
)


def table() -> str:
    """The differences as a Markdown table."""
    rows = ["| subject | docker stack deploy | here | why |", "| --- | --- | --- | --- |"]
    rows += (
        f"| {difference.subject} | {difference.docker} | {difference.here} | {difference.reason} |"
        for difference in DIFFERENCES
    )
    return "\n".join(rows)
