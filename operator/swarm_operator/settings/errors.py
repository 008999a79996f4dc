"""What can be wrong with the settings."""


class SettingsError(Exception):
    """The settings are wrong; `problems` has one sentence for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)
