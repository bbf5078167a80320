"""The ledger's file, and what of the budgets is gone by it. Everything waits for the disk, so it is for a thread."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from linx.doctor.facts import BudgetFacts, LedgerFacts
from linx.ledger.database import Damaged, LedgerProblem, Locked, NotOurs, look_at, open_for_reading
from linx.ledger.ledger import ledger_path
from linx.ledger.questions import spent_since
from linx.routing.budgets import Budgets
from linx.routing.limits import ALL, KEY, PROVIDER, Scope, scopes, shown_moment

if TYPE_CHECKING:
    from pathlib import Path

    from linx.config.model import Config
    from linx.config.shape import LedgerConfig
    from linx.core.chat import JsonObject


def ledger(config: LedgerConfig) -> LedgerFacts:
    path = ledger_path(config)
    return _looked_at(path) if config.enabled else LedgerFacts(str(path), is_enabled=False)


def _looked_at(path: Path) -> LedgerFacts:
    name, free = str(path), _free(path)
    try:
        size = os.stat(path).st_size
    except FileNotFoundError:
        return LedgerFacts(name, problem=_unwritable(path), free=free)
    except OSError as error:
        return LedgerFacts(name, problem=error.strerror or "it cannot be read", free=free)
    problem = ""
    kind: type[LedgerProblem] | None = None
    try:
        look_at(path)
    except (Damaged, NotOurs, Locked) as error:
        problem, kind = str(error), type(error)
    except (LedgerProblem, OSError) as error:
        problem = str(error)
    if not problem and not os.access(path, os.W_OK):
        problem = "it may not be written"
    return LedgerFacts(
        name,
        exists=True,
        problem=problem,
        is_damaged=kind is Damaged,
        is_foreign=kind is NotOurs,
        is_locked=kind is Locked,
        size=size,
        free=free,
    )


def _unwritable(path: Path) -> str:
    """Why no file can be made there; "" where one can."""
    for folder in path.parents:
        if folder.exists():
            if not folder.is_dir():
                return f"{folder} is no folder"
            return "" if os.access(folder, os.W_OK | os.X_OK) else f"{folder} may not be written to"
    return ""


def _free(path: Path) -> int | None:
    for folder in path.parents:
        try:
            return shutil.disk_usage(folder).free
        except OSError:
            continue
    return None


def budgets(config: Config) -> tuple[BudgetFacts, ...]:
    """Each limit of the config, and what is gone of it; nothing where the ledger cannot be read."""
    found = Budgets()
    providers = {provider.name: provider.budget for provider in config.providers}
    keys = {key.name: key.budget for key in config.server.client_keys()}
    found.apply(scopes(config.routing.budget, providers, keys), is_kept=config.ledger.enabled)
    if not found.is_wanted:
        return ()
    try:
        database = open_for_reading(ledger_path(config.ledger))
        try:
            found.learn(spent_since(database, found.first_of_month).items())
        finally:
            database.close()
    except (LedgerProblem, OSError):
        pass  # nothing is counted yet, or the check of the ledger says why
    return tuple(_fact(config, limit) for limit in found.status())


def _fact(config: Config, limit: JsonObject) -> BudgetFacts:
    paths = {provider.name: f"{provider.key_path}.budget" for provider in config.providers}
    places = {ALL: "routing.budget", PROVIDER: paths.get(limit["name"], ""), KEY: f"server.api_key: {limit['name']}"}
    return BudgetFacts(
        scope=str(Scope(limit["scope"], limit["name"] or "")),
        kind=limit["kind"],
        amount=limit["limit"],
        spent=limit["spent"],
        ends_at=shown_moment(limit["ends_at"]),
        key=f"{places[limit['scope']]}.{limit['kind']}",
    )
