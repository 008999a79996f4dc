"""A stack folder into typed, checked, merged models: the only door into the contract."""

import hashlib
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from desired_state import env_files, versions, yaml_reader
from desired_state.document import ComposeDocument
from desired_state.folder import VARIABLES_FILE, StackFolder
from desired_state.interpolation import Interpolation
from desired_state.loaded import LoadedStack, problem_in
from desired_state.merge import Merge
from desired_state.model_problems import problem_at
from desired_state.notices import notices
from desired_state.operator_block import KEY
from desired_state.problems import (
    DocumentRefused,
    Path,
    Problem,
    Severity,
    dotted,
    in_reading_order,
    shown,
    without_consequences,
)
from desired_state.rebalance_rules import rebalance_problems
from desired_state.service import Service
from desired_state.validation import validated
from desired_state.yaml_tree import YamlDocument


def load_stack(
    folder: StackFolder,
    *,
    environment: Mapping[str, str] | None = None,
    documents: Sequence[str] | None = None,
) -> LoadedStack:
    """The stack of a folder. Raises DocumentRefused with every problem at once.

    `environment` replaces the folder's `.env` as the source of `${…}`; the environment of this
    process is never read. `documents` are merged in their order; without them it is the folder's
    document and those of its `x-operator.files`.
    """
    stack, errors = load_partially(folder, environment=environment, documents=documents)
    if errors or stack is None:
        raise DocumentRefused(errors)
    return stack


def load_partially(
    folder: StackFolder,
    *,
    environment: Mapping[str, str] | None = None,
    documents: Sequence[str] | None = None,
) -> tuple[LoadedStack | None, tuple[Problem, ...]]:
    """A stack's right parts, and its errors; None where there is nothing to be checked further.

    Only to find everything that is wrong at once: a stack with errors is never acted on.
    """
    loading = _Loading(folder, environment, documents)
    try:
        loading.run()
    except DocumentRefused as refused:
        return None, refused.problems
    return loading.result() if loading.is_whole else None, loading.errors()


__all__ = ["LoadedStack", "load_partially", "load_stack"]


@dataclass(slots=True)
class _Loading:
    """One stack on its way from bytes to models, collecting what is wrong."""

    folder: StackFolder
    environment: Mapping[str, str] | None
    documents: Sequence[str] | None
    base: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    sources: list[YamlDocument] = field(default_factory=list)
    models: list[ComposeDocument] = field(default_factory=list)
    used: dict[str, bytes] = field(default_factory=dict)
    read: dict[str, bytes] = field(default_factory=dict)
    merged: ComposeDocument = field(default_factory=ComposeDocument)
    documents_read: int = 0

    def run(self) -> None:
        names = list(self.documents or [self.folder.document_name()])
        self.base = posixpath.dirname(names[0])
        self._read_variables()
        self._take_document(names[0])
        if self.documents is None and self.sources:
            names += self._further_documents(self.sources[0])
        for index, name in enumerate(names[1:]):
            self._take_document(name, index)
        self.documents_read = len(names)
        if self.documents_read == len(self.models):
            self._merge()

    def errors(self) -> tuple[Problem, ...]:
        """Everything because of which the stack is refused."""
        return in_reading_order(p for p in self.problems if p.severity is Severity.ERROR)

    @property
    def is_whole(self) -> bool:
        """Whether every document has a form, and none of its sections is missing from it."""
        sections = {"services", "networks", "volumes", "configs", "secrets"}
        missing = any(error.path in sections for error in self.errors())
        return self.documents_read == len(self.models) > 0 and not missing

    def result(self) -> LoadedStack:
        return LoadedStack(
            name=self.folder.name,
            document=self.merged,
            options=self.merged.options,
            files=dict(sorted(self.used.items())),
            warnings=in_reading_order(self.problems),
            revision=self._revision(),
            secret_values=frozenset(text for text in self._secrets() if text),
            document_files=tuple(source.name for source in self.sources),
            secret_files=frozenset(self._secret_files()),
            base=self.base,
            sources=tuple(self.sources),
        )

    # Reading

    def _read_variables(self) -> None:
        if self.environment is not None:
            self.variables = dict(self.environment)
            return
        name = posixpath.join(self.base, VARIABLES_FILE)
        source = self.folder.files.get(name)
        if source is None:
            return
        self.read[name] = source
        self.variables, bad = env_files.dotenv(source)
        for line in bad:
            self.problems.append(Problem(name, line.line, 1, "", line.message, line.hint))

    def _take_document(self, name: str, index: int | None = None) -> None:
        """Reads a document: the first one, or the one that is item `index` of the further ones."""
        source = self.folder.files.get(name)
        if source is None:
            message = "the document is not in the folder"
            if self.documents is None and index is not None:
                where: Path = (KEY, "files", index)
                self._add(problem_at(self.sources[0], where, message))
            else:
                self._add(Problem(name, None, None, "", message))
            return
        self.read[name] = source
        try:
            document, warnings = yaml_reader.read(name, source)
        except yaml_reader.Unreadable as unreadable:
            self.problems += unreadable.problems
            return
        self.problems += warnings
        if b"$" in source:
            document = self._interpolated(document)
        self.sources.append(document)
        model, found = validated(document)
        self._add(*found)
        if model is not None:
            if not found:
                self.problems += notices(document, model)
            self.models.append(self._with_environment(document, model))
            self._check_files(document, model)

    def _interpolated(self, document: YamlDocument) -> YamlDocument:
        interpolation = Interpolation(self.variables)
        root = interpolation.of(document.root)
        for path, message, hint in interpolation.failures:
            self._add(problem_at(document, path, message, hint))
        return YamlDocument(document.name, root, document.mark)

    def _further_documents(self, first: YamlDocument) -> list[str]:
        """`x-operator.files` of the first document, even if something else in it is wrong."""
        root = first.root if isinstance(first.root, dict) else {}
        options = root.get(KEY)
        files = options.get("files") if isinstance(options, dict) else None
        if not isinstance(files, list):
            return []
        return [
            posixpath.normpath(posixpath.join(self.base, f)) for f in files if isinstance(f, str)
        ]

    def _merge(self) -> None:
        merge = Merge()
        self.merged = self.models[0]
        first = versions.minor_of(self.merged.version)
        for source, model in zip(self.sources[1:], self.models[1:], strict=True):
            if versions.minor_of(model.version) != first:
                message = f"is another version than that of {self.sources[0].name}"
                self._add(problem_at(source, ("version",), message, "write the same in both"))
            if model.options.files:
                message = "is read in the first document only"
                hint = f"move it to {self.sources[0].name}"
                self._add(problem_at(source, (KEY, "files"), message, hint))
            self.merged = merge.documents(self.merged, model)
            for place in merge.without_effect:
                message = "an empty or false value cannot override one that is set"
                self._add(problem_at(source, place, message, None, Severity.WARNING))
            merge.without_effect.clear()
        self._check_merged()

    def _check_merged(self) -> None:
        name = self.merged.name
        if name is not None and name != self.folder.name:
            message = f"has no effect: the stack is named {self.folder.name} by its folder"
            self._add(problem_in(self.sources, ("name",), message, None, Severity.WARNING))
        for key, service in self.merged.services.items():
            if not service.image:
                message = "names no image"
                self._add(problem_in(self.sources, ("services", key, "image"), message))
            for path, message, hint in rebalance_problems(service):
                self._add(problem_in(self.sources, ("services", key, *path), message, hint))

    # Environments and files

    def _with_environment(self, document: YamlDocument, model: ComposeDocument) -> ComposeDocument:
        services: dict[str, Service] = {}
        for name, service in model.services.items():
            resolved = self._environment(document, ("services", name), service)
            if resolved != service.environment:
                services[name] = service.model_copy(update={"environment": resolved})
        if not services:
            return model
        return model.model_copy(update={"services": {**model.services, **services}})

    def _environment(
        self, document: YamlDocument, path: Path, service: Service
    ) -> dict[str, str | None] | None:
        """Files first, then the environment; an empty value is looked up among the variables."""
        if service.env_file is None and not service.environment:
            return service.environment
        result: dict[str, str | None] = {}
        for index, entry in enumerate(service.env_file or ()):
            where = (*path, "env_file", index)
            for key, value in self._env_file(document, where, entry.path, required=entry.required):
                if value is None and key not in self.variables:
                    continue
                result[key] = self._looked_up(key, value)
            if entry.format not in {None, "raw"}:
                self._add(problem_at(document, (*where, "format"), "must be raw"))
        for key, value in (service.environment or {}).items():
            result[key] = self._looked_up(key, value)
            if value == "" and result[key]:
                message = "the empty value is replaced by that of .env, as in docker stack deploy"
                where = (*path, "environment", key)
                self._add(problem_at(document, where, message, None, Severity.WARNING))
        return result

    def _looked_up(self, key: str, value: str | None) -> str | None:
        return value or self.variables.get(key, value)

    def _env_file(
        self, document: YamlDocument, where: Path, path: str, *, required: bool
    ) -> list[tuple[str, str | None]]:
        name, source = self._file(document, where, path, required=required)
        if source is None:
            return []
        pairs, bad = env_files.env_file(source)
        for line in bad:
            self._add(Problem(name, line.line, 1, dotted(where), line.message, line.hint))
        return pairs

    def _check_files(self, document: YamlDocument, model: ComposeDocument) -> None:
        for section in ("configs", "secrets"):
            for key, item in getattr(model, section).items():
                if item.file is not None and not item.is_external and item.content is None:
                    self._file(document, (section, key, "file"), item.file)

    def _file(
        self, document: YamlDocument, where: Path, path: str, *, required: bool = True
    ) -> tuple[str, bytes | None]:
        """A file that the document names, noted as used; None, with a problem, if it is missing."""
        name = posixpath.normpath(posixpath.join(self.base, path))
        outside = posixpath.isabs(path) or name.startswith("../") or name in {"..", "."}
        source = None if outside or not path else self.folder.files.get(name)
        if source is not None:
            self.used[name] = self.read[name] = source
        elif outside or not path:
            message = "lies outside of the stack's folder"
            hint = "put the file into the folder and write its path from there"
            self._add(problem_at(document, where, message, hint))
        elif required:
            message = f"the file {shown(name, self.variables.values())} is not in the folder"
            self._add(problem_at(document, where, message))
        return name, source

    def _add(self, *problems: Problem) -> None:
        """Notes problems that are no consequences of others."""
        self.problems += without_consequences(problems, self.problems)

    # What comes out

    def _revision(self) -> str:
        digest = hashlib.sha256()
        parts: list[tuple[str, bytes]] = sorted(self.read.items())
        if self.environment is not None:
            parts += (
                (f"${key}", value.encode()) for key, value in sorted(self.environment.items())
            )
        for name, content in parts:
            for part in (name.encode(), content):
                digest.update(len(part).to_bytes(8, "big"))
                digest.update(part)
        return digest.hexdigest()

    def _secrets(self) -> Iterable[str]:
        yield from self.variables.values()
        for service in self.merged.services.values():
            yield from (value for value in (service.environment or {}).values() if value)
        contents = [secret.content or "" for secret in self.merged.secrets.values()]
        contents += (self.used[name].decode(errors="replace") for name in self._secret_files())
        for content in contents:
            yield from (content, content.strip())

    def _secret_files(self) -> Iterable[str]:
        for secret in self.merged.secrets.values():
            if secret.file is not None and not secret.is_external:
                name = posixpath.normpath(posixpath.join(self.base, secret.file))
                if name in self.used:
                    yield name
