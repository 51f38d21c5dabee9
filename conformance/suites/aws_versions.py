"""Changing, copying and publishing package versions through boto3 (spec 5); part of aws_clients.py, which imports it."""
import hashlib

from aws_harness import ENDPOINT, RUN, absent, aws, check, conflicts, equal, invalid, loose, pages, publish

IN = {"domain": f"versions-{RUN}"}
TEAM = {**IN, "repository": "team"}
TOOL = {**TEAM, "format": "npm", "package": "tool"}
REVISIONS = {}


def statuses(**where):
    return {item["version"]: item["status"] for item in aws.list_package_versions(**where)["versions"]}


@check("four versions are published, with dependencies")
def _():
    owner = aws.create_domain(**IN)["domain"]["owner"]
    aws.create_repository(**TEAM)
    aws.create_repository(**IN, repository="release")
    token = aws.get_authorization_token(**IN)["authorizationToken"]
    registry = f"{ENDPOINT}/npm/d/{IN['domain']}-{owner}/team/"
    for version in ("1.0.0", "1.1.0", "1.2.0", "2.0.0"):
        publish(registry, token, "tool", version, dependencies={"left-pad": "^1.3.0", "@acme/ui": "2.x"})
    REVISIONS.update({item["version"]: item["revision"] for item in aws.list_package_versions(**TOOL)["versions"]})


@check("UpdatePackageVersionsStatus: all or nothing, by version, by revision and by expected status (5.3)")
def _():
    answer = aws.update_package_versions_status(**TOOL, versions=["1.0.0"], targetStatus="Unlisted")
    equal(answer["successfulVersions"]["1.0.0"]["status"], "Unlisted")
    equal(answer["successfulVersions"]["1.0.0"]["revision"], REVISIONS["1.0.0"])
    both = aws.update_package_versions_status(**TOOL, versions=["1.1.0", "9.9.9"], targetStatus="Archived")
    equal({version: failure["errorCode"] for version, failure in both["failedVersions"].items()}, {"9.9.9": "NOT_FOUND", "1.1.0": "SKIPPED"})
    stale = aws.update_package_versions_status(**TOOL, versions=["1.1.0"], versionRevisions={"1.1.0": "stale"}, targetStatus="Archived")
    equal(stale["failedVersions"]["1.1.0"]["errorCode"], "MISMATCHED_REVISION")
    unexpected = aws.update_package_versions_status(**TOOL, versions=["1.1.0"], expectedStatus="Archived", targetStatus="Unlisted")
    equal(unexpected["failedVersions"]["1.1.0"]["errorCode"], "MISMATCHED_STATUS")
    equal(statuses(**TOOL), {"1.0.0": "Unlisted", "1.1.0": "Published", "1.2.0": "Published", "2.0.0": "Published"})
    invalid(aws.update_package_versions_status, **TOOL, versions=["1.1.0"], targetStatus="Disposed")
    invalid(loose.update_package_versions_status, "'versions'", **TOOL, versions=["1.0.0"] * 101, targetStatus="Archived")
    absent(aws.update_package_versions_status, kind="package", **{**TOOL, "package": "nothing"}, versions=["1.0.0"], targetStatus="Archived")
    aws.update_package_versions_status(**TOOL, versions=["1.0.0"], targetStatus="Published")


@check("GetPackageVersionReadme gives the text and says of which revision")
def _():
    answer = aws.get_package_version_readme(**TOOL, packageVersion="1.0.0")
    equal((answer["readme"].strip(), answer["package"], answer["version"]), ("# tool\nread me", "tool", "1.0.0"))
    equal(answer["versionRevision"], REVISIONS["1.0.0"])
    absent(aws.get_package_version_readme, kind="package-version", **TOOL, packageVersion="9.9.9")


@check("ListPackageVersionDependencies gives the direct ones")
def _():
    answer = aws.list_package_version_dependencies(**TOOL, packageVersion="1.0.0")
    equal(answer["versionRevision"], REVISIONS["1.0.0"])
    found = sorted((item.get("namespace", ""), item["package"], item["dependencyType"], item["versionRequirement"]) for item in answer["dependencies"])
    equal(found, [("", "left-pad", "regular", "^1.3.0"), ("acme", "ui", "regular", "2.x")])
    invalid(aws.list_package_version_dependencies, **TOOL, packageVersion="1.0.0", nextToken="made-up")
    absent(aws.list_package_version_dependencies, kind="package-version", **TOOL, packageVersion="9.9.9")


@check("CopyPackageVersions: by version and by revision, all or nothing, and again (5.6)")
def _():
    copy = {**IN, "sourceRepository": "team", "destinationRepository": "release", "format": "npm", "package": "tool"}
    both = aws.copy_package_versions(**copy, versions=["1.0.0", "9.9.9"])
    equal({version: failure["errorCode"] for version, failure in both["failedVersions"].items()}, {"9.9.9": "NOT_FOUND", "1.0.0": "SKIPPED"})
    equal(sorted(aws.copy_package_versions(**copy, versions=["1.0.0"])["successfulVersions"]), ["1.0.0"])
    by_revision = aws.copy_package_versions(**copy, versionRevisions={"1.1.0": REVISIONS["1.1.0"]})
    equal(sorted(by_revision["successfulVersions"]), ["1.1.0"])
    equal(statuses(**{**TOOL, "repository": "release"}), {"1.0.0": "Published", "1.1.0": "Published"})
    invalid(aws.copy_package_versions, **copy)
    invalid(aws.copy_package_versions, **copy, versions=["1.0.0"], versionRevisions={"1.0.0": REVISIONS["1.0.0"]})
    absent(aws.copy_package_versions, kind="repository", **{**copy, "destinationRepository": "nowhere"}, versions=["1.0.0"])


@check("DisposePackageVersions and DeletePackageVersions (5.4, 5.5)")
def _():
    equal(aws.dispose_package_versions(**TOOL, versions=["1.2.0"])["successfulVersions"]["1.2.0"]["status"], "Disposed")
    equal(aws.list_package_version_assets(**TOOL, packageVersion="1.2.0")["assets"], [])
    back = aws.update_package_versions_status(**TOOL, versions=["1.2.0"], targetStatus="Published")
    equal(back["failedVersions"]["1.2.0"]["errorCode"], "NOT_ALLOWED")
    gone = aws.delete_package_versions(**TOOL, versions=["1.2.0", "2.0.0"])["successfulVersions"]
    equal({version: item["status"] for version, item in gone.items()}, {"1.2.0": "Deleted", "2.0.0": "Deleted"})
    equal(sorted(statuses(**TOOL)), ["1.0.0", "1.1.0"])
    absent(aws.dispose_package_versions, kind="package", **{**TOOL, "package": "nothing"}, versions=["1.0.0"])
    absent(aws.delete_package_versions, kind="package", **{**TOOL, "package": "nothing"}, versions=["1.0.0"])


@check("PublishPackageVersion: asset by asset while unfinished, then closed (5.7)")
def _():
    generic = {**TEAM, "format": "generic", "namespace": "tools", "package": "blob", "packageVersion": "1.0.0"}

    def put(name, content, **more):
        digest = hashlib.sha256(content).hexdigest()
        return aws.publish_package_version(**{**generic, **more}, assetName=name, assetContent=content, assetSHA256=digest)
    first = put("a.bin", b"first", unfinished=True)
    equal((first["status"], first["asset"]["name"], first["asset"]["size"]), ("Unfinished", "a.bin", 5))
    equal(first["asset"]["hashes"]["SHA-256"], hashlib.sha256(b"first").hexdigest())
    put("b.bin", b"second", unfinished=True)
    equal(put("c.bin", b"third")["status"], "Published")
    listed = {key: value for key, value in generic.items()}
    equal(pages(aws.list_package_version_assets, "assets", "name", **listed), ["a.bin", "b.bin", "c.bin"])
    equal(aws.get_package_version_asset(**listed, asset="b.bin")["asset"].read(), b"second")
    conflicts(put, name="d.bin", content=b"too late")
    invalid(loose.publish_package_version, **{**generic, "packageVersion": "2.0.0"}, assetName="x", assetContent=b"x", assetSHA256="0" * 64)
    invalid(aws.publish_package_version, **{**generic, "format": "npm"}, assetName="x", assetContent=b"x", assetSHA256=hashlib.sha256(b"x").hexdigest())
    absent(put, kind="repository", name="x", content=b"x", repository="nowhere")
