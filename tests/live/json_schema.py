"""As much of JSON Schema as docs/heaptop.schema.json uses. A keyword that is not known here is an error, not ignored."""

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
SAID_ELSEWHERE = {"$schema", "title", "description", "$defs"}


def type_matches(value, name):
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def validate(value, schema, root=None, path="$"):
    """What does not hold, as a list of lines."""
    import re

    root = schema if root is None else root
    complaints = []
    for keyword, wanted in schema.items():
        if keyword in SAID_ELSEWHERE or keyword in ("properties", "additionalProperties"):
            continue
        if keyword == "$ref":
            target = root
            for part in wanted.removeprefix("#/").split("/"):
                target = target[part]
            complaints += validate(value, target, root, path)
        elif keyword == "type":
            names = wanted if isinstance(wanted, list) else [wanted]
            if not any(type_matches(value, name) for name in names):
                complaints.append(f"{path}: {value!r} is not of type {' or '.join(names)}")
        elif keyword == "const":
            if value != wanted:
                complaints.append(f"{path}: {value!r} is not {wanted!r}")
        elif keyword == "enum":
            if value not in wanted:
                complaints.append(f"{path}: {value!r} is none of {wanted}")
        elif keyword == "minimum":
            if type_matches(value, "number") and value < wanted:
                complaints.append(f"{path}: {value} is below {wanted}")
        elif keyword == "maximum":
            if type_matches(value, "number") and value > wanted:
                complaints.append(f"{path}: {value} is above {wanted}")
        elif keyword == "pattern":
            if isinstance(value, str) and not re.search(wanted, value):
                complaints.append(f"{path}: {value!r} does not match {wanted}")
        elif keyword == "required":
            if isinstance(value, dict):
                complaints += [f"{path}: {name} is missing" for name in wanted if name not in value]
        elif keyword == "items":
            if isinstance(value, list):
                for index, item in enumerate(value):
                    complaints += validate(item, wanted, root, f"{path}[{index}]")
        elif keyword == "anyOf":
            tried = [validate(value, one, root, path) for one in wanted]
            if all(tried):
                complaints += min(tried, key=len)
        else:
            raise ValueError(f"{path}: the schema's keyword {keyword!r} is not known here")
    if isinstance(value, dict):
        complaints += validate_members(value, schema, root, path)
    return complaints


def validate_members(value, schema, root, path):
    complaints = []
    known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    for name, member in value.items():
        if name in known:
            complaints += validate(member, known[name], root, f"{path}.{name}")
        elif others is False:
            complaints.append(f"{path}: {name} is not in the schema")
        elif others is not True:
            complaints += validate(member, others, root, f"{path}.{name}")
    return complaints


def unexplained_nulls(document):
    """Paths of top-level groups' members that are null without a reason under "unavailable"."""
    reasons = document["unavailable"]
    groups = ("target", "memory", "process", "go", "rates")
    missing = [f"{group}.{name}" for group in groups for name, value in document[group].items() if value is None]
    missing += [name for name, value in document.items() if value is None]
    return [path for path in missing if path not in reasons]
