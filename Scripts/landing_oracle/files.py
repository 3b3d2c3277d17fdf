"""Trees of published files, and version directories."""
import hashlib, json, os, re

TEMPORARY = re.compile(r"(\.(partial|part|tmp|incomplete|filepart|new|download)|~)$|\.tmp\.|\.inprogress\.|^tmp_")


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def contents(path):
    with open(path, "rb") as file:
        return file.read()


def hidden(name):
    return name.startswith(".") or (name.startswith("_") and "=" not in name)


def tree(root):
    """Relative paths of everything that is not a directory."""
    found = []
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in names + [name for name in folders if os.path.islink(os.path.join(folder, name))]:
            found.append(os.path.relpath(os.path.join(folder, name), root))
    return sorted(found)


def version_problems(folder):
    try:
        card = json.loads(contents(os.path.join(folder, "card.json")))
    except FileNotFoundError:
        return ["no card.json"]
    except ValueError as error:
        return [f"card.json: {error}"]
    problems, listed = [], {"card.json"}
    for file in card.get("files", []):
        listed.add(file["path"])
        try:
            data = contents(os.path.join(folder, file["path"]))
        except FileNotFoundError:
            problems.append(f"{file['path']} is missing")
            continue
        if sha256(data) != file["digest"] or len(data) != file["bytes"]:
            problems.append(f"{file['path']} does not match the card")
    if "model.onnx" not in listed:
        problems.append("the card lists no model.onnx")
    problems += [f"{name} is not on the card" for name in tree(folder) if name not in listed]
    return problems
