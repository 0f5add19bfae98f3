"""ctest_results.py JUNIT RESULTS: appends each test's fate in ctest's JUnit file to a results file (see tests/run)."""
import sys
import xml.etree.ElementTree as tree


def main(junit, results):
    told = 0
    with open(results, "a") as out:
        for case in tree.parse(junit).getroot().iter("testcase"):
            name = case.get("name").replace(" ", "_")
            if case.find("failure") is not None or case.get("status") == "fail":
                out.write(f"fail {name}\n")
            elif case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
                why = case.find("skipped")
                reason = why.get("message") if why is not None else case.get("status")
                # A program that was not built or not found is no skip: nobody chose it.
                fate = "fail" if case.get("status") == "notrun" and "SKIP" not in (reason or "") else "skip"
                out.write(f"{fate} {name} {reason or ''}\n")
            else:
                out.write(f"pass {name}\n")
            told += 1
    return 0 if told else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
