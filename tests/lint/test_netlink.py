# SPDX-License-Identifier: BSD-3-Clause
"""The netlink family's code, header and page say what its specification says."""

import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "vm"), str(ROOT / "tests")]

from harness.script import load  # noqa: E402
from lib import source  # noqa: E402

KMOD = ROOT / "kmod"
CODE = "".join(path.read_text() for path in sorted(KMOD.glob("netlink*.c")))
LIMITS = {"LLP_NAME_SIZE - 1": "31", "LLP_VALUE_SIZE - 1": "63"}
TOOL = load(ROOT / "tools" / "dev" / "netlink")
SPEC = TOOL.load()


def rows(table: str) -> dict[str, str]:
    """The initialisers of a policy in the code."""
    body = re.search(rf"nla_policy {table}\[\w+ \+ 1\] = \{{\n(.*?)\n\}};", CODE, re.DOTALL)
    assert body, table
    found = dict(re.findall(r"\[(\w+)\] = (.*),$", body.group(1), re.MULTILINE))
    for name, number in LIMITS.items():
        found = {key: row.replace(name, number) for key, row in found.items()}
    return found


def uapi(name: str) -> int:
    """The value of a number in llp.h."""
    text = (KMOD / "uapi" / "llp.h").read_text()
    return int(re.search(rf"#define {name}\s+(0x\w+|\d+)", text).group(1), 0)


def test_header_and_page_are_made_of_the_specification():
    made = subprocess.run([ROOT / "tools" / "dev" / "netlink", "--check"], capture_output=True, text=True)
    assert made.returncode == 0, made.stdout


def test_specification_is_one_as_the_kernel_has_it():
    schema = yaml.safe_load((source.fetch() / "Documentation/netlink/genetlink.yaml").read_text())
    checker = jsonschema.Draft7Validator
    checker.check_schema(schema)
    assert [f"{list(error.absolute_path)}: {error.message}" for error in checker(schema).iter_errors(SPEC)] == []
    # And not for want of a schema.
    assert list(checker(schema).iter_errors(SPEC | {"protocol": "ethernet"}))


@pytest.mark.parametrize("table, attributes", [("llp_policy", "llp"), ("llp_param_policy", "param")])
def test_code_takes_what_requests_hold(table, attributes):
    assert rows(table) == TOOL.policy(SPEC, attributes)


def test_limits_of_words_are_those_of_the_devices():
    assert {name: int(number) + 1 for name, number in LIMITS.items()} == {
        f"{name} - 1": uapi(name) for name in ("LLP_NAME_SIZE", "LLP_VALUE_SIZE")}


def test_code_has_the_operations_with_their_ways_and_rights():
    table = re.search(r"genl_small_ops llp_ops\[\] = \{\n(.*?)\n\};", CODE, re.DOTALL).group(1)
    code = {}
    for entry in table.split("}, {"):
        fields = dict(re.findall(r"\.(\w+)\s*= (\w+)", entry))
        code[fields["cmd"]] = ("doit" in fields, "dumpit" in fields, fields.get("flags") == "GENL_ADMIN_PERM")
    assert code == {
        TOOL.upper("llp", "cmd", operation["name"]):
            ("do" in operation, "dump" in operation, "admin-perm" in operation.get("flags", []))
        for operation in SPEC["operations"]["list"] if "event" not in operation}


def test_code_sends_every_event_and_every_attribute():
    events = [operation for operation in SPEC["operations"]["list"] if "event" in operation]
    for operation in events:
        assert f"begin(&e, l, {TOOL.upper('llp', 'cmd', operation['name'])})" in CODE
    told = {attribute for operation in SPEC["operations"]["list"]
            for part in (operation.get("event"), operation.get("do", {}).get("reply")) if part
            for attribute in part["attributes"]}
    for attribute in told:
        assert re.search(rf"(nla_put_\w+|nla_nest_start)\((e(\.|->))?skb, {TOOL.upper('llp-a', attribute)}\b", CODE), attribute


@pytest.mark.parametrize("definition", [definition for definition in SPEC["definitions"] if "header" in definition],
                         ids=lambda definition: definition["name"])
def test_values_are_those_of_the_devices(definition):
    for number, entry in enumerate(TOOL.entries(definition)):
        value = 1 << number if definition["type"] == "flags" else number
        assert uapi(TOOL.upper("llp", definition["name"], entry["name"])) == value
