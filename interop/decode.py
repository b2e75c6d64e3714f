"""Decodes captures with nothing but docs/milter.json: python3 interop/decode.py tests/captures/postfix/chgfrom.jsonl"""
import json, sys
from pathlib import Path

PROTOCOL = json.loads((Path(__file__).resolve().parents[1] / "docs/milter.json").read_text())
TYPES = {it["name"]: it for it in PROTOCOL["types"]}
TABLES = {"mta": PROTOCOL["commands"], "filter": PROTOCOL["responses"]}

def take(kind, data):  # removes a value of a type from the front of the data
    if "repeats" in kind:
        items = []
        while data:
            items.append(fields(kind["repeats"], data))
        return items
    end = data.index(kind["ends_with"]) + 1 if "ends_with" in kind else kind.get("size", len(data))
    value, data[:end] = bytes(data[:end]), b""
    assert len(value) == end, f"{kind['name']} is cut short"
    return int.from_bytes(value, kind["byte_order"]) if "size" in kind else value[:-1] if "ends_with" in kind else value

def fields(layout, data):  # removes fields from the front of the data
    found = {}
    for it in layout:
        is_absent = "unless" in it and found[it["unless"]["field"]] == it["unless"]["value"]
        if not is_absent and (data or not it.get("optional")):
            found[it["name"]] = take(TYPES[it["type"]], data)
    return found

def frames(path):  # the sender of each frame, its name, its fields, and the bytes after them
    streams = {"mta": bytearray(), "filter": bytearray()}
    for record in map(json.loads, path.read_text().splitlines()[1:]):
        (data := streams[side := record["dir"]]).extend(bytes.fromhex(record.get("hex", "")))
        while len(data) > 4 and len(data) >= 4 + take(TYPES["u32"], data[:4]):
            length = take(TYPES["u32"], data)
            code, payload, data[:length] = data[0], data[1:length], b""
            message = next(it for it in TABLES[side] if it["code"] == code)
            yield side, message["name"], fields(message["fields"], payload), bytes(payload)

for path in sys.argv[1:] if __name__ == "__main__" else []:
    for side, name, found, rest in frames(Path(path)):
        print(side, name, *(f"{key}={value!r}" for key, value in found.items()), rest or "")
