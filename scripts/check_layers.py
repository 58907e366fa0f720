#!/usr/bin/env python3
"""Checks who may include what, how long a public header may be, and that CMake lists every source.

`--self-test` proves that it catches.
"""

import pathlib
import re
import sys
import tempfile

ADAPTERS = {"nats", "inproc", "mqtt"}
VENDORS = ("nats/", "mosquitto", "openssl/", "boost/asio/ssl")
MAX_HEADER_LINES = 250
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def sources(root):
    for top in ("fluxmq", "fluxlib", "fluxctl", "nodes", "examples", "bench"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix in (".hpp", ".cpp"):
                yield path


def includes(path):
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if match := INCLUDE.match(line):
            yield number, match[1] == '"', match[2]


def adapter_of_header(name):
    """The adapter whose header this is: fluxmq/nats.hpp, fluxmq/nats_options.hpp and nats/x.hpp are of nats."""
    match = re.match(r"(?:fluxmq/)?([a-z]+)(?:_\w+)?(?:/|\.hpp)", name)
    return match[1] if match and match[1] in ADAPTERS else None


def adapter_of_file(parts):
    """The adapter that a file of fluxmq/src or fluxmq/include belongs to."""
    if parts[0] != "fluxmq" or parts[1] not in ("src", "include"):
        return None
    place = parts[2:] if parts[1] == "src" else parts[3:]
    return re.split(r"[_.]", place[0])[0] if place and re.split(r"[_.]", place[0])[0] in ADAPTERS else None


def unlisted(root):
    """Sources that their folder's CMakeLists.txt does not name: they would silently not be built or tested."""
    for path in sources(root):
        folder, *place = path.relative_to(root).parts
        lists = root / folder / "CMakeLists.txt"
        if path.suffix != ".cpp" or not lists.exists():
            continue
        if "/".join(place) not in re.split(r"[\s()]+", re.sub(r"#.*", "", lists.read_text(encoding="utf-8"))):
            yield f"{path.relative_to(root)}: not listed in {folder}/CMakeLists.txt"


def check(root):
    problems = []
    vendor_users = {}
    for path in sources(root):
        relative = path.relative_to(root)
        parts = relative.parts
        library, part = parts[0], parts[1]
        is_public = len(parts) > 2 and "include" in parts and library.startswith("flux")
        own_adapter = adapter_of_file(parts)
        if is_public and (lines := len(path.read_text(encoding="utf-8").splitlines())) > MAX_HEADER_LINES:
            problems.append(f"{relative}: {lines} lines, a public header has at most {MAX_HEADER_LINES}")
        for number, quoted, name in includes(path):

            def bad(rule):
                problems.append(f"{relative}:{number}: includes {name}: {rule}")

            adapter = adapter_of_header(name)
            if library == "fluxmq" and name.startswith("fluxlib/"):
                bad("fluxmq does not know fluxlib")
            if library == "fluxlib" and part in ("include", "src") and adapter:
                bad("fluxlib knows no adapter, only a main() picks one")
            if own_adapter and adapter and adapter != own_adapter:
                bad(f"the adapter {own_adapter} knows no other adapter")
            if part == "testing" and ("../" in name or re.search(r"(^|/)src/", name)):
                bad("a test kit includes public headers only")
            if part == "testing" and quoted and not (path.parent / name).exists():
                bad("a test kit includes public headers, with <>")
            if is_public and name == "boost/asio.hpp":
                bad("include the parts of Asio that are needed, compile time matters")
            for vendor in VENDORS:
                if name.startswith(vendor) and (vendor != "nats/" or name == "nats/nats.h"):
                    if library in ("fluxmq", "fluxlib") and part in ("include", "src"):
                        vendor_users.setdefault(vendor, set()).add(str(relative))
                        if path.suffix == ".hpp":
                            bad("a vendor's header belongs in one .cpp")
    for vendor, users in vendor_users.items():
        # asio.cpp holds Asio's own separately compiled TLS part
        users = sorted(user for user in users if user != "fluxmq/src/asio.cpp")
        if len(users) > 1:
            problems.append(f"{vendor}* is included by more than one file: {', '.join(users)}")
    return problems + list(unlisted(root))


def self_test():
    """Each case is a small tree and a word that the complaint has, or None where there is none."""
    cases = [
        ({"fluxmq/src/a.cpp": "#include <fluxlib/node.hpp>"}, "fluxmq does not know"),
        ({"fluxlib/src/a.cpp": "#include <fluxmq/nats.hpp>"}, "knows no adapter"),
        ({"fluxlib/include/fluxlib/a.hpp": '# include "fluxmq/inproc.hpp"'}, "knows no adapter"),
        ({"fluxlib/src/a.cpp": "#include <fluxmq/transport.hpp>"}, None),
        ({"fluxlib/test/a.cpp": "#include <fluxmq/inproc.hpp>"}, None),
        ({"examples/a.cpp": "#include <fluxmq/nats.hpp>"}, None),
        ({"fluxmq/src/nats/a.cpp": "#include <fluxmq/inproc.hpp>"}, "no other adapter"),
        ({"fluxmq/include/fluxmq/nats.hpp": "#include <fluxmq/mqtt_options.hpp>"}, "no other adapter"),
        ({"fluxmq/src/nats/a.cpp": '#include "nats/protocol.hpp"\n#include <fluxmq/nats.hpp>'}, None),
        ({"fluxmq/src/a.cpp": "#include <openssl/evp.h>", "fluxmq/src/b.cpp": "#include <openssl/ssl.h>"},
         "more than one file"),
        ({"fluxmq/src/a.cpp": "#include <openssl/evp.h>", "bench/b.cpp": "#include <openssl/ssl.h>"}, None),
        ({"fluxmq/src/a.hpp": "#include <mosquitto.h>"}, "one .cpp"),
        ({"fluxmq/src/a.cpp": "#include <nats/nats.h>", "fluxlib/src/b.cpp": "#include <nats/nats.h>"},
         "more than one file"),
        ({"fluxmq/testing/src/a.cpp": '#include "../../src/nats/parser.hpp"'}, "public headers only"),
        ({"fluxlib/testing/a.cpp": '#include "mailbox_impl.hpp"'}, "public headers, with"),
        ({"fluxlib/testing/a.cpp": "#include <fluxmq/inproc.hpp>\n#include <fluxlib/node.hpp>"}, None),
        ({"fluxmq/include/fluxmq/a.hpp": "#include <boost/asio.hpp>"}, "compile time"),
        ({"fluxmq/src/a.cpp": "#include <boost/asio.hpp>"}, None),
        ({"fluxmq/include/fluxmq/a.hpp": "\n" * 251}, "251 lines"),
        ({"fluxmq/include/fluxmq/a.hpp": "\n" * 250}, None),
        ({"fluxmq/test/a_test.cpp": "", "fluxmq/CMakeLists.txt": "SOURCES test/b_test.cpp"}, "not listed"),
        ({"fluxmq/test/a_test.cpp": "", "fluxmq/CMakeLists.txt": "SOURCES test/a_test.cpp"}, None),
    ]
    failures = 0
    for files, expected in cases:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text + "\n" if text.strip() else text, encoding="utf-8")
            problems = check(root)
        if bool(problems) != bool(expected) or (expected and not any(expected in p for p in problems)):
            print(f"check_layers: {files} gave {problems}, expected {expected!r}", file=sys.stderr)
            failures += 1
    print(f"check_layers: self-test, {len(cases) - failures} of {len(cases)} cases as expected")
    return failures == 0


if __name__ == "__main__":
    if "--self-test" in sys.argv[1:]:
        sys.exit(0 if self_test() else 1)
    found = check(pathlib.Path(__file__).resolve().parent.parent)
    for problem in found:
        print(problem, file=sys.stderr)
    sys.exit(1 if found else 0)
