"""Every threat of SECURITY.md is held by tests that exist, and no row of its table is without any."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from linx.core import jsontext

ROOT = Path(__file__).parent.parent
HELD_BY: dict[str, tuple[str, ...]] = {
    "DNS rebinding": (
        "test_access.py::test_other_names_are_403_with_the_line_to_add",
        "test_access.py::test_names_of_this_machine",
        "e2e/test_corpus.py::host-",
    ),
    "A host that is read as a path": (
        "e2e/test_corpus.py::auth-badhost-bypass",
        "e2e/test_corpus.py::host-",
        "test_endpoints.py::test_a_slash_too_many_leads_around_no_key",
        "test_paths.py::test_management_is_matched_exactly",
    ),
    "A page that sends a form": (
        "test_access.py::test_a_browser_must_send_json",
        "test_access.py::test_a_foreign_page_without_an_origin",
        "e2e/test_corpus.py::web-",
    ),
    "A page of another origin": (
        "test_access.py::test_other_pages_are_403_with_the_line_to_add",
        "test_access.py::test_pages_of_this_machine",
        "e2e/test_corpus.py::web-ok-",
    ),
    "A public page that asks the local network": (
        "test_access.py::test_a_preflight_says_what_is_allowed",
        "e2e/test_corpus.py::web-preflight-pna-evil",
    ),
    "Management by a page or a local program": (
        "test_access.py::test_management_answers_no_other_origin",
        "handlers/management/test_tunnel.py::test_a_closed_set_of_fields",
        "handlers/management/test_tunnel.py::test_no_page_of_another_origin",
        "e2e/test_corpus.py::schema-tunnel-",
    ),
    "A tunnel without a key": (
        "test_access.py::test_a_tunnel_that_has_no_key_yet_lets_nobody_in",
        "e2e/test_tunnel.py::test_model_paths_only_and_always_a_key",
        "children/tunnel/test_supervisor.py::test_a_key_is_invented_where_there_is_none",
    ),
    "A stranger who looks like loopback": (
        "e2e/test_tunnel.py::test_nobody_on_the_local_side_passes_for_the_tunnel_nor_the_other_way",
        "e2e/test_tunnel.py::test_wrong_keys_are_slowed_down_and_the_right_one_is_not",
        "e2e/test_tunnel.py::test_bad_requests_through_the_tunnel",
    ),
    "A tunnel that changes its name": (
        "children/tunnel/test_supervisor.py::test_a_new_name_replaces_the_old_one_at_once",
        "e2e/test_tunnel.py::test_only_the_live_name_is_answered",
    ),
    "Options smuggled into ssh": (
        "children/tunnel/test_commands.py::test_word_for_word",
        "children/tunnel/test_commands.py::test_the_config_refuses_what_could_be_an_option",
        "e2e/test_tunnel.py::test_a_changed_host_key_is_refused_and_explained",
    ),
    "A child that outlives Linx": (
        "e2e/test_tunnel.py::test_linx_killed_leaves_no_ssh",
        "e2e/test_tunnel.py::test_no_child_is_left_however_linx_ends",
        "children/demo/test_supervisor.py::test_the_child_ends_when_linx_is_killed",
    ),
    "A child that is given too much": (
        "children/tunnel/test_child.py::test_the_program_gets_only_what_it_needs",
        "test_starting.py::test_the_binary_gives_its_children_the_environment_that_it_was_given",
        "children/test_process.py::test_a_child_gets_no_more_of_the_environment_than_it_needs",
    ),
    "A key that is guessed": (
        "test_access.py::test_no_key_or_a_wrong_one_is_401",
        "test_access.py::test_an_invented_key_is_random_kept_and_known_to_the_redactor",
        "e2e/test_corpus.py::auth-",
    ),
    "A key on the command line": ("config/test_load.py::test_a_key_on_the_command_line_is_warned_of",),
    "A key or a prompt in what Linx writes": (
        "e2e/test_bounds.py::test_no_secret_gets_out",
        "e2e/test_secrets.py::test_no_secret_comes_back",
        "e2e/test_secrets.py::test_a_prompt_that_comes_back_is_seen_by_its_client_alone",
        "e2e/test_canaries.py::test_what_is_written_is_searched",
        "core/test_redaction.py::test_a_known_secret_is_found_in_every_encoding",
    ),
    "Headers that cross": (
        "e2e/test_bounds.py::test_what_a_client_sends_of_its_own_never_reaches_a_provider",
        "handlers/management/test_ollama.py::test_neither_sides_headers_pass",
    ),
    "A body that chooses the destination": (
        "e2e/test_corpus.py::schema-override-",
        "e2e/test_bounds.py::test_what_a_client_sends_of_its_own_never_reaches_a_provider",
    ),
    "Redirects": ("upstream/test_corpus.py::head-redirect",),
    "An endpoint that should not be called": (
        "config/test_endpoint_rules.py::test_a_bad_endpoint_is_refused",
        "upstream/test_proxies.py::test_what_is_near_never_takes_a_proxy",
        "e2e/test_corpus.py::schema-image-",
    ),
    "A split answer": (
        "server/test_reply.py::test_a_value_from_outside_cannot_end_a_field",
        "e2e/test_corpus.py::web-crlf",
        "server/test_refusal.py::test_status_lines",
    ),
    "Words of a model that are markup": (
        "server/test_refusal.py::test_small_and_ascii_whatever_the_message",
        "core/test_redaction.py::test_control_bytes_become_visible",
    ),
    "Management of an Ollama by a stranger": (
        "handlers/management/test_ollama.py::test_other_origins_and_forwarded_clients_may_not",
        "handlers/management/test_ollama.py::test_who_is_on_this_machine",
        "e2e/test_corpus.py::route-ollama-mgmt-",
    ),
    "Exhaustion": (
        "server/test_body.py::test_all_bodies_together_are_bounded",
        "server/test_connection.py::test_the_head_has_one_deadline",
        "e2e/test_files.py::test_clients_wait_until_there_are_files_again",
        "e2e/test_heavy_frames.py::test_an_event",
    ),
    "Files that others read or write": (
        "config/test_file.py::test_a_file_that_everybody_can_change_is_refused",
        "config/test_load.py::test_a_key_in_a_file_that_others_can_read",
        "children/tunnel/test_commands.py::test_host_keys_are_their_owners_alone",
    ),
    "Other users of the machine": (
        "test_access.py::test_the_right_key_opens",
        "children/demo/test_child.py::test_only_this_machine_and_only_with_the_key_is_served",
    ),
    "A package that was tampered with": (
        "test_dependencies.py::test_every_dependency_is_locked_by_hash",
        "test_dependencies.py::test_few_packages_run_beside_the_keys",
        "test_dependencies.py::test_nothing_starts_with_python_itself",
    ),
    "A private prompt at the wrong provider": (
        "e2e/test_private_roads.py::test_no_road_leads_to_a_provider_elsewhere",
        "e2e/test_private_roads.py::test_in_no_world_a_private_text_leaves",
        "e2e/test_private_next.py::test_a_candidate_whose_name_has_moved_is_passed_over",
        "test_laws.py::test_every_connection_goes_through_the_pool",
    ),
    "A race that tells two providers": (
        "routing/test_race.py::test_a_hedge_never_leaves_the_machine_and_never_costs_more",
        "routing/test_private.py::test_under_scope_same_nothing_runs_beside_what_is_more_local_or_cheaper",
        "routing/test_hedging.py::test_a_cloud_model_of_a_local_ollama_is_no_free_hedge",
    ),
    "A prompt that is shown to others": (
        "handlers/management/test_events.py::test_a_page_of_another_origin_is_refused",
        "handlers/management/test_events.py::test_it_needs_the_key_and_a_reload_that_takes_the_key_away_closes_it",
        "handlers/management/test_requests.py::test_a_request_in_detail_without_its_keys",
        "handlers/management/test_replay.py::test_what_had_to_stay_local_stays_local",
        "e2e/test_dashboard_data.py::test_no_key_is_told",
        "e2e/test_dashboard_data.py::test_nothing_of_it_is_served_through_the_tunnel",
    ),
}
"""Each threat, as SECURITY.md calls it, and its tests: a function, or the cases of a corpus that begin so."""
CORPORA = {"e2e/test_corpus.py": "bad_requests.json", "upstream/test_corpus.py": "upstream_cases.json"}


@cache
def functions_of(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / "tests" / path).read_text())
    found = {one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}
    return frozenset(name for name in found if name.startswith("test_"))


@cache
def cases_of(corpus: str) -> tuple[str, ...]:
    cases = jsontext.loads((ROOT / "tests/corpus" / corpus).read_bytes())
    return tuple(case["id"] for case in cases)


def in_the_page() -> list[str]:
    """The first cell of each row of the page's table of threats."""
    return re.findall(r"^\| ([^|*-][^|]*?) \|", (ROOT / "SECURITY.md").read_text(), re.MULTILINE)[1:]


def test_page_and_tests_know_the_same_threats() -> None:
    assert in_the_page() == list(HELD_BY)


@pytest.mark.parametrize("threat", HELD_BY)
def test_a_threat_is_held(threat: str) -> None:
    for held in HELD_BY[threat]:
        path, _, name = held.partition("::")
        if name.startswith("test_"):
            assert name in functions_of(path), held
        else:
            assert [case for case in cases_of(CORPORA[path]) if case.startswith(name)], held
