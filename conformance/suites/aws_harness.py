"""What the boto3 scripts share: a client whose every raw reply is held against the model, checks, and a publish.

Environment: ENDPOINT and AWS's own variables. A check prints one JSON object.
"""
import base64
import gzip
import hashlib
import io
import json
import os
import tarfile
import urllib.request
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT = os.environ["ENDPOINT"]
RUN = uuid.uuid4().hex[:8]
STRANGERS = []  # whatever a reply had or lacked against the model
SUCCEEDED = set()  # operations that were answered with what was asked
UNFINISHED = set()  # operations that answered 501
CURRENT = {}
problems_of_replies = STRANGERS.append


def client(**more):
    config = Config(retries={"total_max_attempts": 1}, **more)
    made = boto3.client("codeartifact", endpoint_url=ENDPOINT, region_name="us-east-1", config=config)
    made.meta.events.register("response-received.codeartifact", hold_against_model)
    made.meta.events.register("before-call.codeartifact", lambda model, **_: CURRENT.update(operation=model.name))
    return made


def hold_against_model(response_dict=None, **_):
    """Called by botocore with each reply before it is parsed."""
    if response_dict is None:
        return
    operation, status = CURRENT["operation"], response_dict["status_code"]
    if status == 501:
        UNFINISHED.add(operation)
    elif status >= 300:
        hold_error(operation, response_dict)
    else:
        SUCCEEDED.add(operation)
        model = aws.meta.service_model.operation_model(operation)
        hold_headers(operation, model.output_shape, response_dict["headers"])
        if not model.has_streaming_output:
            against(operation, model.output_shape, json.loads(response_dict["body"] or b"{}"))


def hold_error(operation, response):
    document = json.loads(response["body"])
    name = response["headers"].get("x-amzn-errortype", "").split(":")[0]
    shapes = {shape.name: shape for shape in aws.meta.service_model.error_shapes}
    if document.get("__type", name).split("#")[-1] != name:
        problems_of_replies(f"{operation}: header says {name}, body {document.get('__type')}")
    if name in shapes:
        document.pop("__type", None)
        against(f"{operation} {name}", shapes[name], document)
    if "message" not in document:
        problems_of_replies(f"{operation} {name}: no message")


def hold_headers(operation, shape, headers):
    """Members that travel in headers must be there where the operation gives them at all."""
    for name, member in (shape.members if shape else {}).items():
        if member.serialization.get("location") == "header" and not headers.get(member.serialization["name"]):
            problems_of_replies(f"{operation}: no header for '{name}'")


SCALARS = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "long": lambda value: isinstance(value, int) and not isinstance(value, bool),
    # Epoch seconds; milliseconds would be beyond the year 5000.
    "timestamp": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool) and 1_500_000_000 < value < 100_000_000_000,
}


def against(where, shape, value):
    """Notes members that the shape does not have, required ones that are missing, and values of another type."""
    kind = shape.type_name
    if kind == "structure":
        against_structure(where, shape, value)
    elif kind == "list":
        for item in value if isinstance(value, list) else [wrong(where, value, kind)]:
            against(where, shape.member, item) if item is not None else None
    elif kind == "map":
        for key, item in (value if isinstance(value, dict) else wrong(where, value, kind) or {}).items():
            against(where, shape.key, key)
            against(where, shape.value, item)
    elif not SCALARS[kind](value):
        wrong(where, value, kind)
    elif kind == "string" and getattr(shape, "enum", None) and value not in shape.enum:
        if not (shape.name == "ExternalConnectionStatus" and value == "AVAILABLE"):  # spec 1.4.3: as the live service
            problems_of_replies(f"{where}: '{value}' is not one of {shape.enum}")


def against_structure(where, shape, value):
    if not isinstance(value, dict):
        return wrong(where, value, "structure")
    names = {member.serialization.get("name", name): (name, member) for name, member in shape.members.items()
             if member.serialization.get("location") is None}
    for wire, item in value.items():
        if wire not in names:
            problems_of_replies(f"{where}: member '{wire}' is not in the model")
        elif item is not None:
            against(f"{where}.{wire}", names[wire][1], item)
    for wire, (name, _) in names.items():
        if name in shape.required_members and value.get(wire) is None:
            problems_of_replies(f"{where}: the required member '{name}' is missing")
    return None


def wrong(where, value, kind):
    problems_of_replies(f"{where}: {value!r} is no {kind}")


aws = client()
loose = client(parameter_validation=False)  # sends what boto3 itself would refuse


def report(outcome, title, reason=""):
    print(json.dumps({"outcome": outcome, "title": f"boto3: {title}", "reason": reason}), flush=True)


def check(title):
    """Runs the function under it at once, as one check."""
    def run(body):
        try:
            body()
        except ClientError as error:
            unfinished = error.response["ResponseMetadata"]["HTTPStatusCode"] == 501
            report("skip" if unfinished else "not ok", title, f"{error} ({place(error)})")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
            report("not ok", title, f"{type(error).__name__}: {error} ({place(error)})")
        else:
            report("ok", title)
    return run


def place(error):
    frame = error.__traceback__.tb_next
    return f"{os.path.basename(frame.tb_frame.f_code.co_filename)}:{frame.tb_lineno}" if frame else "?"


def equal(found, wanted):
    assert found == wanted, f"found {found!r}, wanted {wanted!r}"


def refused(exception, http_status, call, /, *words, **arguments):
    """The call must fail with this exception, this status, and these words in its message. Gives the error's own members."""
    try:
        call(**arguments)
    except ClientError as error:
        answer = error.response
        equal((answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]), (exception, http_status))
        for word in words:
            assert word in answer["Error"]["Message"], f"'{word}' is not in: {answer['Error']['Message']}"
        return answer
    raise AssertionError(f"no error, wanted {exception}")


def invalid(call, /, *words, **arguments):
    answer = refused("ValidationException", 400, call, *words, **arguments)
    assert answer.get("reason") in ("CANNOT_PARSE", "ENCRYPTION_KEY_ERROR", "FIELD_VALIDATION_FAILED", "UNKNOWN_OPERATION", "OTHER"), answer.get("reason")


def absent(call, /, *words, kind=None, **arguments):
    answer = refused("ResourceNotFoundException", 404, call, *words, **arguments)
    if kind is not None:
        equal(answer.get("resourceType"), kind)


def conflicts(call, /, *words, kind=None, **arguments):
    answer = refused("ConflictException", 409, call, *words, **arguments)
    if kind is not None:
        equal(answer.get("resourceType"), kind)


def pages(call, key, name, /, **arguments):
    """Walks a list by ones (of texts where `name` is None): every item once, no token on the last page; a token that was changed is refused."""
    found, token, first = [], None, None
    while True:
        answer = call(maxResults=1, **arguments, **({"nextToken": token} if token else {}))
        assert len(answer[key]) <= 1, answer[key]
        found += [item if name is None else item[name] for item in answer[key]]
        token = answer.get("nextToken")
        first = first or token
        if token is None:
            break
        assert len(found) < 100, "it never ends"
    everything = [item if name is None else item[name] for item in call(maxResults=1000, **arguments)[key]]
    equal(found, everything)
    equal(len(set(found)), len(found))
    assert first is not None, "there was only one page"
    changed = ("A" if first[0] != "A" else "B") + first[1:]
    invalid(call, nextToken=changed, **arguments)
    invalid(call, nextToken="made-up", **arguments)
    method = getattr(loose, call.__name__)
    invalid(method, "maxResults", maxResults=0, **arguments)
    invalid(method, "maxResults", maxResults=1001, **arguments)
    return found


def publish(registry, token, name, version, tag="latest", dependencies=None):
    """The one PUT that npm's clients publish with. Gives the tarball."""
    manifest = {"name": name, "version": version, "description": "by boto3", "license": "MIT", "homepage": "http://home.example/"}
    if dependencies is not None:
        manifest["dependencies"] = dependencies
    files = {"package/package.json": json.dumps(manifest).encode(), "package/index.js": b"module.exports = 1;\n",
             "package/README.md": f"# {name}\nread me\n".encode()}
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    tarball = gzip.compress(raw.getvalue(), mtime=0)
    dist = {"integrity": "sha512-" + base64.b64encode(hashlib.sha512(tarball).digest()).decode(), "shasum": hashlib.sha1(tarball).hexdigest()}
    document = {"_id": name, "name": name, "dist-tags": {tag: version}, "versions": {version: {**manifest, "dist": dist}},
                "_attachments": {f"{name}-{version}.tgz": {"content_type": "application/octet-stream", "data": base64.b64encode(tarball).decode(), "length": len(tarball)}}}
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(registry + name.replace("/", "%2f"), json.dumps(document).encode(), headers, method="PUT")
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status in (200, 201), answer.status
    return tarball
