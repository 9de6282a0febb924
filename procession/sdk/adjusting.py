"""Adjusting: variables of tasks, sets of them, versions and re-runs. Each method is the verb of its name.

`values` are values of JSON by the name of the variable, `texts` the same as people write them in one word: they are
read by the type of the variable. A value that a variable cannot have is `Invalid`, with the variable and the rule.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from procession.sdk.asking import Asking, Json

Of = Literal["kept", "original", "current"]
Script = Literal["original", "current"]


class Adjusting(Asking):
    """What may be asked of variables and versions."""

    def variables(self, task: str) -> Json:
        """The variables of a task: types, current defaults of the script, help."""
        return self._ask("variables", task=task)

    def variable_sets(self, task: str) -> Json:
        """The sets of a task, also those of runs to come; ``unfit`` says what of one no longer fits the script."""
        return self._ask("variable-sets", task=task)

    def variable_set_add(
        self, task: str, values: Mapping[str, Any] | None = None, texts: Mapping[str, str] | None = None,
        first_run: int | None = None, last_run: int | None = None, group: str | None = None,
        where: str | None = None, fix_all: bool = False, replace: bool = False, description: str = "",
    ) -> Json:  # fmt: skip
        """Set variables for runs to come: from `first_run` on (to `last_run`), for a `group`, or `where` a condition
        holds. What is not named follows the script, unless `fix_all`. Refused where it conflicts with other sets and
        shall not `replace` them.
        """
        return self._ask(
            "variable-set-add", task=task, values=values, texts=texts, first_run=first_run, last_run=last_run,
            group=group, where=where, fix_all=fix_all, replace=replace, description=description,
        )  # fmt: skip

    def variable_set_remove(self, task: str, id: int) -> Json:
        """Delete a set; what was processed with it keeps its values, an earlier set resumes."""
        return self._ask("variable-set-remove", task=task, id=id)

    def variables_preview(
        self, task: str, run: int | None = None, group: str | None = None, params: Mapping[str, Any] | None = None
    ) -> Json:
        """What a run would get now, and why; `params` are those of its event, for sets by filter."""
        return self._ask("variables-preview", task=task, run=run, group=group, params=_text(params))

    def variables_script(
        self, task: str, run: int | None = None, group: str | None = None, params: Mapping[str, Any] | None = None
    ) -> Json:
        """The script with the values that a run would get: ``files`` has the text of each by its name."""
        return self._ask("variables-script", task=task, run=run, group=group, params=_text(params))

    def rerun(
        self, id: int, values: Mapping[str, Any] | None = None, texts: Mapping[str, str] | None = None,
        variables: Of = "kept", script: Script = "current", description: str | None = None,
        priority: int | None = None, fresh: bool = False, reason: str | None = None,
    ) -> Json:  # fmt: skip
        """Process anew what has ended, as its next version, which is answered.

        `variables`: those of this version (``kept``), of the first one (``original``), or of a new run (``current``);
        over them `values` and `texts`. `script`: as it is now, or as the first version had it.
        """
        return self._ask(
            "rerun", id=id, values=values, texts=texts, variables=variables, script=script, description=description,
            priority=priority, fresh=fresh, reason=reason,
        )  # fmt: skip

    def trial(
        self, id: int, values: Mapping[str, Any] | None = None, texts: Mapping[str, str] | None = None,
        variables: Of = "kept", description: str | None = None, fresh: bool = False,
    ) -> Json:  # fmt: skip
        """Try other variables on a processing: it makes no version, and its files stay in its directory."""
        return self._ask(
            "trial", id=id, values=values, texts=texts, variables=variables, description=description, fresh=fresh
        )

    def rerun_runs(
        self, task: str, runs: str, values: Mapping[str, Any] | None = None, texts: Mapping[str, str] | None = None,
        variables: Of = "kept", script: Script = "current", together: bool = False, description: str | None = None,
        priority: int | None = None, fresh: bool = False, dry_run: bool = False, reason: str | None = None,
    ) -> Json:  # fmt: skip
        """Process the `runs` of a list (``"1,4-6"``) anew: all or none, each as its next version, or `together` as one.

        With `dry_run` nothing is changed, and ``items`` say what would become of each.
        """
        return self._ask(
            "rerun-runs", task=task, runs=runs, values=values, texts=texts, variables=variables, script=script,
            together=together, description=description, priority=priority, fresh=fresh, dry_run=dry_run, reason=reason,
        )  # fmt: skip

    def versions(self, id: int) -> Json:
        """All versions of a processing that are kept."""
        return self._ask("versions", id=id)

    def diff(self, id: int, version: int | None = None) -> Json:
        """What is different in this version from `version`, else from the one before."""
        return self._ask("diff", id=id, version=version)


def _text(params: Mapping[str, Any] | None) -> str | None:
    """An object as a query of HTTP can carry it."""
    return None if params is None else json.dumps(dict(params), ensure_ascii=False)
