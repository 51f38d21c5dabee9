"""boto3 drives all operations of the API: successes, each documented error, paging; every reply is held against the model.

Started by aws-clients.ts. Environment: ENDPOINT and AWS's own variables. Prints one JSON object a check.
"""
import base64
import datetime
import hashlib
import urllib.request

from botocore.exceptions import ClientError

from aws_harness import (ENDPOINT, RUN, STRANGERS, SUCCEEDED, UNFINISHED, absent, aws, check, conflicts, equal, invalid,
                         loose, pages, publish, refused, report)

DOMAIN = f"boto-{RUN}"


# --- Domains ---------------------------------------------------------------------------------------------------------

OWNER = None


@check("CreateDomain gives a whole description")
def _():
    global OWNER
    domain = aws.create_domain(domain=DOMAIN)["domain"]
    OWNER = domain["owner"]
    equal((domain["name"], domain["status"], domain["repositoryCount"], domain["assetSizeBytes"]), (DOMAIN, "Active", 0, 0))
    equal(domain["arn"].split(":")[:3] + domain["arn"].split(":")[4:], ["arn", "aws", "codeartifact", OWNER, f"domain/{DOMAIN}"])
    age = datetime.datetime.now(datetime.timezone.utc) - domain["createdTime"]
    assert abs(age.total_seconds()) < 60, domain["createdTime"]


@check("CreateDomain refuses a name that is taken (409), and names outside the rule (400)")
def _():
    conflicts(aws.create_domain, DOMAIN, kind="domain", domain=DOMAIN)
    for name in ("Upper", "under_score", "1digit", "ends-", "x" * 51):
        invalid(loose.create_domain, "'domain' failed to satisfy constraint", "Member must satisfy regular expression pattern" if len(name) < 51 else "Member must have length less than or equal to 50", domain=name)
    invalid(loose.create_domain, "'domain' failed to satisfy constraint", "Member must have length greater than or equal to 2", domain="x")
    invalid(loose.create_domain, "'domain' failed to satisfy constraint", "Member must not be null")


@check("DescribeDomain, of this account and of no other")
def _():
    equal(aws.describe_domain(domain=DOMAIN)["domain"]["name"], DOMAIN)
    equal(aws.describe_domain(domain=DOMAIN, domainOwner=OWNER)["domain"]["owner"], OWNER)
    absent(aws.describe_domain, "Domain not found", kind="domain", domain=f"absent-{RUN}")
    absent(aws.describe_domain, kind="domain", domain=DOMAIN, domainOwner="111111111111")
    invalid(loose.describe_domain, "'domainOwner'", domain=DOMAIN, domainOwner="123")


@check("ListDomains in pages")
def _():
    for count in range(2):
        aws.create_domain(domain=f"boto-{RUN}-{count}")
    found = pages(aws.list_domains, "domains", "name")
    assert {DOMAIN, f"boto-{RUN}-0", f"boto-{RUN}-1"} <= set(found), found


@check("DeleteDomain")
def _():
    equal(aws.delete_domain(domain=f"boto-{RUN}-0")["domain"]["name"], f"boto-{RUN}-0")
    absent(aws.describe_domain, domain=f"boto-{RUN}-0")


# --- Repositories ----------------------------------------------------------------------------------------------------

IN = {"domain": DOMAIN}


@check("CreateRepository gives a whole description")
def _():
    aws.create_repository(**IN, repository="store")
    made = aws.create_repository(**IN, repository="team", description="for the team", upstreams=[{"repositoryName": "store"}])["repository"]
    equal((made["name"], made["administratorAccount"], made["domainName"], made["domainOwner"], made["description"]), ("team", OWNER, DOMAIN, OWNER, "for the team"))
    equal((made["upstreams"], made["externalConnections"]), ([{"repositoryName": "store"}], []))
    assert made["arn"].endswith(f":{OWNER}:repository/{DOMAIN}/team"), made["arn"]


@check("CreateRepository refuses: taken, unknown domain, unknown upstream, too many upstreams, bad names")
def _():
    conflicts(aws.create_repository, "team", kind="repository", **IN, repository="team")
    absent(aws.create_repository, "Domain not found", kind="domain", domain=f"absent-{RUN}", repository="team")
    absent(aws.create_repository, "nowhere", kind="repository", **IN, repository="other", upstreams=[{"repositoryName": "nowhere"}])
    for count in range(11):
        aws.create_repository(**IN, repository=f"many-{count}")
    eleven = [{"repositoryName": f"many-{count}"} for count in range(11)]
    refused("ServiceQuotaExceededException", 402, aws.create_repository, **IN, repository="other", upstreams=eleven)
    for name in ("-dash", "sp ace", "x" * 101, "x"):
        invalid(loose.create_repository, "'repository' failed to satisfy constraint", **IN, repository=name)
    absent(aws.describe_repository, **IN, repository="other")


@check("DescribeRepository")
def _():
    equal(aws.describe_repository(**IN, repository="team")["repository"]["upstreams"], [{"repositoryName": "store"}])
    absent(aws.describe_repository, "nowhere", kind="repository", **IN, repository="nowhere")


@check("UpdateRepository replaces the upstreams, leaves out what is left out, and refuses a cycle")
def _():
    team = {**IN, "repository": "team"}
    equal(aws.update_repository(**team, description="new words")["repository"]["upstreams"], [{"repositoryName": "store"}])
    equal(aws.update_repository(**team, upstreams=[])["repository"]["upstreams"], [])
    both = [{"repositoryName": "many-0"}, {"repositoryName": "store"}]
    changed = aws.update_repository(**team, upstreams=both)["repository"]
    equal((changed["upstreams"], changed["description"]), (both, "new words"))
    invalid(aws.update_repository, **IN, repository="store", upstreams=[{"repositoryName": "team"}])
    invalid(aws.update_repository, **IN, repository="store", upstreams=[{"repositoryName": "store"}])
    absent(aws.update_repository, **IN, repository="store", upstreams=[{"repositoryName": "nowhere"}])
    absent(aws.update_repository, **IN, repository="nowhere", description="x")
    invalid(loose.update_repository, "'description'", "Member must have length less than or equal to 1000", **team, description="x" * 1001)


@check("ListRepositoriesInDomain and ListRepositories in pages, with a prefix")
def _():
    found = pages(aws.list_repositories_in_domain, "repositories", "name", **IN)
    assert {"store", "team", "many-0", "many-10"} <= set(found), found
    equal(sorted(pages(aws.list_repositories_in_domain, "repositories", "name", **IN, repositoryPrefix="many-1")), ["many-1", "many-10"])
    equal(aws.list_repositories_in_domain(**IN, administratorAccount="111111111111")["repositories"], [])
    equal(len(aws.list_repositories_in_domain(**IN, administratorAccount=OWNER)["repositories"]), 13)
    absent(aws.list_repositories_in_domain, kind="domain", domain=f"absent-{RUN}")
    ours = [item for page in aws.get_paginator("list_repositories").paginate(repositoryPrefix="many-", PaginationConfig={"PageSize": 3}) for item in page["repositories"] if item["domainName"] == DOMAIN]
    equal(len(ours), 11)


@check("a page token is good for its own question only")
def _():
    token = aws.list_repositories_in_domain(**IN, maxResults=1)["nextToken"]
    invalid(aws.list_repositories_in_domain, **IN, repositoryPrefix="many", maxResults=1, nextToken=token)
    invalid(aws.list_domains, maxResults=1, nextToken=token)


@check("DeleteRepository, and DeleteDomain while one is left (409)")
def _():
    equal(aws.delete_repository(**IN, repository="many-10")["repository"]["name"], "many-10")
    absent(aws.delete_repository, kind="repository", **IN, repository="many-10")
    conflicts(aws.delete_domain, "Domain must contain 0 repositories before deletion", kind="domain", **IN)


# --- External connections, endpoint, token ---------------------------------------------------------------------------


@check("AssociateExternalConnection and DisassociateExternalConnection")
def _():
    store = {**IN, "repository": "store"}
    one = {"externalConnectionName": "public:npmjs", "packageFormat": "npm", "status": "AVAILABLE"}
    equal(aws.associate_external_connection(**store, externalConnection="public:npmjs")["repository"]["externalConnections"], [one])
    equal(aws.describe_repository(**store)["repository"]["externalConnections"], [one])
    conflicts(aws.associate_external_connection, **store, externalConnection="public:npmjs")
    conflicts(aws.associate_external_connection, **store, externalConnection="public:pypi")
    absent(aws.associate_external_connection, **IN, repository="nowhere", externalConnection="public:npmjs")
    invalid(loose.associate_external_connection, "'externalConnection'", **store, externalConnection="-")
    equal(aws.disassociate_external_connection(**store, externalConnection="public:npmjs")["repository"]["externalConnections"], [])
    absent(aws.disassociate_external_connection, **store, externalConnection="public:npmjs")


@check("an external connection that nobody knows is refused")
def _():
    try:
        aws.associate_external_connection(**IN, repository="store", externalConnection="public:nobody")
    except ClientError as error:
        assert error.response["Error"]["Code"] in ("ResourceNotFoundException", "ValidationException"), error
    else:
        raise AssertionError("it was taken")


REGISTRY = TOKEN = None


@check("GetRepositoryEndpoint for every format ends in a slash")
def _():
    global REGISTRY
    for package_format in ("npm", "pypi", "maven", "nuget", "generic", "ruby", "swift", "cargo"):
        url = aws.get_repository_endpoint(**IN, repository="team", format=package_format)["repositoryEndpoint"]
        equal(url, f"{ENDPOINT}/{package_format}/d/{DOMAIN}-{OWNER}/team/")
    REGISTRY = f"{ENDPOINT}/npm/d/{DOMAIN}-{OWNER}/team/"
    absent(aws.get_repository_endpoint, kind="repository", **IN, repository="nowhere", format="npm")
    invalid(loose.get_repository_endpoint, "'format'", "Member must satisfy enum value set: [", **IN, repository="team", format="rpm")
    invalid(loose.get_repository_endpoint, "'format'", "Member must not be null", **IN, repository="team")


@check("GetAuthorizationToken lasts as long as it was asked to")
def _():
    global TOKEN
    now = datetime.datetime.now(datetime.timezone.utc)
    for asked, seconds in (({}, 43200), ({"durationSeconds": 900}, 900), ({"durationSeconds": 43200}, 43200)):
        answer = aws.get_authorization_token(**IN, **asked)
        assert abs((answer["expiration"] - now).total_seconds() - seconds) < 30, answer["expiration"]
    TOKEN = answer["authorizationToken"]
    assert len(TOKEN) >= 32, len(TOKEN)
    for seconds in (1, 899, 43201, -1):
        invalid(loose.get_authorization_token, **IN, durationSeconds=seconds)
    absent(aws.get_authorization_token, "Domain not found", kind="domain", domain=f"absent-{RUN}")


@check("the token opens the endpoint, in each form that clients send it")
def _():
    pair = base64.b64encode(f"anyone:{TOKEN}".encode()).decode()
    for authorization in (f"Bearer {TOKEN}", f"Basic {pair}", TOKEN):
        request = urllib.request.Request(f"{REGISTRY}-/ping", headers={"Authorization": authorization})
        with urllib.request.urlopen(request, timeout=30) as answer:
            equal(answer.status, 200)


# --- Packages --------------------------------------------------------------------------------------------------------

TEAM = {"domain": DOMAIN, "repository": "team"}
UI = {**TEAM, "format": "npm", "namespace": "acme", "package": "ui"}
NEW = {**TEAM, "format": "npm", "package": "absent"}
TARBALLS = {}


@check("three versions are published through npm's door")
def _():
    for version in ("1.0.0", "1.1.0", "2.0.0-rc.1"):
        TARBALLS[version] = publish(REGISTRY, TOKEN, "@acme/ui", version, "next" if "-" in version else "latest")
    publish(REGISTRY, TOKEN, "@acme/api", "1.0.0")
    publish(REGISTRY, TOKEN, "plain", "1.0.0")


@check("PutPackageOriginConfiguration, on an absent package too")
def _():
    answer = aws.put_package_origin_configuration(**NEW, restrictions={"publish": "BLOCK", "upstream": "BLOCK"})
    equal(answer["originConfiguration"], {"restrictions": {"publish": "BLOCK", "upstream": "BLOCK"}})
    equal(aws.describe_package(**NEW)["package"]["originConfiguration"], answer["originConfiguration"])
    equal(aws.list_package_versions(**NEW)["versions"], [])
    absent(aws.put_package_origin_configuration, kind="repository", **{**NEW, "repository": "nowhere"}, restrictions={"publish": "ALLOW", "upstream": "ALLOW"})
    method = loose.put_package_origin_configuration
    invalid(method, "publish", "Member must satisfy enum value set: [", **NEW, restrictions={"publish": "MAYBE", "upstream": "ALLOW"})
    invalid(method, "upstream", "Member must not be null", **NEW, restrictions={"publish": "ALLOW"})
    invalid(method, "restrictions", "Member must not be null", **NEW)
    invalid(method, "'package'", **{**NEW, "package": "with space"}, restrictions={"publish": "ALLOW", "upstream": "ALLOW"})
    invalid(method, "'package'", "Member must have length less than or equal to 255", **{**NEW, "package": "x" * 256}, restrictions={"publish": "ALLOW", "upstream": "ALLOW"})


@check("DescribePackage")
def _():
    package = aws.describe_package(**UI)["package"]
    equal((package["format"], package["namespace"], package["name"]), ("npm", "acme", "ui"))
    equal(package["originConfiguration"]["restrictions"], {"publish": "ALLOW", "upstream": "BLOCK"})
    absent(aws.describe_package, kind="package", **{**UI, "package": "nothing"})
    absent(aws.describe_package, kind="package", **{key: value for key, value in UI.items() if key != "namespace"})
    absent(aws.describe_package, kind="repository", **{**UI, "repository": "nowhere"})


@check("ListPackages, by each filter and in pages")
def _():
    def names(**filters):
        return sorted(item["package"] for item in aws.list_packages(**TEAM, **filters)["packages"])
    equal(names(), ["absent", "api", "plain", "ui"])
    equal(names(format="npm", namespace="ac"), ["api", "ui"])
    equal(names(format="pypi"), [])
    equal(names(packagePrefix="pl"), ["plain"])
    equal(names(publish="BLOCK"), ["absent"])
    equal(names(upstream="BLOCK", publish="ALLOW"), ["api", "plain", "ui"])
    invalid(aws.list_packages, **TEAM, namespace="acme")
    absent(aws.list_packages, kind="repository", **IN, repository="nowhere")
    equal(sorted(pages(aws.list_packages, "packages", "package", **TEAM)), ["absent", "api", "plain", "ui"])
    unscoped = [item for item in aws.list_packages(**TEAM)["packages"] if item["package"] == "plain"]
    assert unscoped[0].get("namespace") is None, unscoped


@check("ListPackageVersions, by each filter, sorted and in pages")
def _():
    answer = aws.list_package_versions(**UI)
    equal((answer["format"], answer["namespace"], answer["package"], answer["defaultDisplayVersion"]), ("npm", "acme", "ui", "1.1.0"))
    equal(sorted(item["version"] for item in answer["versions"]), ["1.0.0", "1.1.0", "2.0.0-rc.1"])
    for item in answer["versions"]:
        equal((item["status"], item["origin"]["originType"]), ("Published", "INTERNAL"))
    newest = aws.list_package_versions(**UI, sortBy="PUBLISHED_TIME")["versions"]
    equal([item["version"] for item in newest], ["2.0.0-rc.1", "1.1.0", "1.0.0"])
    equal(len(aws.list_package_versions(**UI, status="Published", originType="INTERNAL")["versions"]), 3)
    equal(aws.list_package_versions(**UI, status="Archived")["versions"], [])
    equal(aws.list_package_versions(**UI, originType="EXTERNAL")["versions"], [])
    invalid(loose.list_package_versions, "'status'", **UI, status="Lost")
    invalid(loose.list_package_versions, "'sortBy'", **UI, sortBy="NAME")
    absent(aws.list_package_versions, kind="package", **{**UI, "package": "nothing"})
    pages(aws.list_package_versions, "versions", "version", **UI)
    equal(pages(aws.list_package_versions, "versions", "version", **UI, sortBy="PUBLISHED_TIME"), ["2.0.0-rc.1", "1.1.0", "1.0.0"])


@check("DescribePackageVersion")
def _():
    version = aws.describe_package_version(**UI, packageVersion="1.0.0")["packageVersion"]
    equal((version["packageName"], version["displayName"], version["version"], version["status"]), ("ui", "@acme/ui", "1.0.0", "Published"))
    equal((version["summary"], version["homePage"], version["licenses"][0]["name"]), ("by boto3", "http://home.example/", "MIT"))
    equal(version["origin"], {"domainEntryPoint": {"repositoryName": "team"}, "originType": "INTERNAL"})
    assert abs((datetime.datetime.now(datetime.timezone.utc) - version["publishedTime"]).total_seconds()) < 300
    absent(aws.describe_package_version, kind="package-version", **UI, packageVersion="7.7.7")
    absent(aws.describe_package_version, **{**UI, "package": "nothing"}, packageVersion="1.0.0")
    invalid(loose.describe_package_version, **UI, packageVersion="x" * 256)


@check("ListPackageVersionAssets gives all four hashes of the very bytes")
def _():
    answer = aws.list_package_version_assets(**UI, packageVersion="1.0.0")
    equal((answer["package"], answer["version"], len(answer["assets"])), ("ui", "1.0.0", 1))
    asset, tarball = answer["assets"][0], TARBALLS["1.0.0"]
    equal(asset["size"], len(tarball))
    names = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-512": "sha512"}
    equal(asset["hashes"], {name: hashlib.new(kind, tarball).hexdigest() for name, kind in names.items()})
    equal(answer["versionRevision"], aws.describe_package_version(**UI, packageVersion="1.0.0")["packageVersion"]["revision"])
    absent(aws.list_package_version_assets, kind="package-version", **UI, packageVersion="7.7.7")


@check("GetPackageVersionAsset gives the bytes and says of which revision")
def _():
    listed = aws.list_package_version_assets(**UI, packageVersion="1.0.0")
    name = listed["assets"][0]["name"]
    of = {**UI, "packageVersion": "1.0.0"}
    answer = aws.get_package_version_asset(**of, asset=name)
    equal(answer["asset"].read(), TARBALLS["1.0.0"])
    equal((answer["assetName"], answer["packageVersion"], answer["packageVersionRevision"]), (name, "1.0.0", listed["versionRevision"]))
    equal(aws.get_package_version_asset(**of, asset=name, packageVersionRevision=listed["versionRevision"])["assetName"], name)
    conflicts(aws.get_package_version_asset, **of, asset=name, packageVersionRevision="stale")
    absent(aws.get_package_version_asset, kind="asset", **of, asset="nothing.tgz")
    absent(aws.get_package_version_asset, kind="package-version", **{**of, "packageVersion": "7.7.7"}, asset=name)


@check("an npm asset is called package.tgz, as in CodeArtifact")
def _():
    equal(aws.list_package_version_assets(**UI, packageVersion="1.0.0")["assets"][0]["name"], "package.tgz")


@check("the control plane does not look upstream (4.6)")
def _():
    aws.create_repository(**IN, repository="below", upstreams=[{"repositoryName": "team"}])
    below = {**UI, "repository": "below"}
    absent(aws.describe_package, **below)
    absent(aws.list_package_versions, **below)
    absent(aws.describe_package_version, **below, packageVersion="1.0.0")
    absent(aws.list_package_version_assets, **below, packageVersion="1.0.0")
    equal(aws.list_packages(**IN, repository="below")["packages"], [])


@check("DeletePackage echoes the settings, and they are gone with it")
def _():
    gone = aws.delete_package(**UI)["deletedPackage"]
    equal((gone["format"], gone["namespace"], gone["package"]), ("npm", "acme", "ui"))
    equal(gone["originConfiguration"]["restrictions"], {"publish": "ALLOW", "upstream": "BLOCK"})
    absent(aws.delete_package, kind="package", **UI)
    absent(aws.describe_package, **UI)
    aws.delete_package(**NEW)
    absent(aws.describe_package, **NEW)


@check("DescribeDomain counts repositories and bytes")
def _():
    domain = aws.describe_domain(**IN)["domain"]
    equal(domain["repositoryCount"], 13)
    assert domain["assetSizeBytes"] > 0, domain


@check("DeleteRepository takes its packages with it; downstream repositories stay (1.4.5)")
def _():
    aws.delete_repository(**TEAM)
    aws.create_repository(**TEAM)
    equal(aws.list_packages(**TEAM)["packages"], [])


# --- The whole API ---------------------------------------------------------------------------------------------------

import aws_groups  # noqa: E402, F401 - each runs its checks when it is imported
import aws_permissions  # noqa: E402, F401
import aws_versions  # noqa: E402, F401

ALL = set(aws.meta.service_model.operation_names)
LEFT = ALL - SUCCEEDED
if LEFT and LEFT <= UNFINISHED:
    report("skip", "all operations of the model have given what was asked", f"answered 501: {', '.join(sorted(LEFT))}")
else:
    @check("all operations of the model have given what was asked")
    def _():
        equal(len(ALL), 48)
        assert not LEFT, f"never succeeded: {sorted(LEFT)}"


@check("every reply was within the model: no member outside it, none required missing, types, times, enumerations")
def _():
    assert not STRANGERS, "; ".join(sorted(set(STRANGERS))[:20])
