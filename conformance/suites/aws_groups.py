"""Package groups through boto3 (spec 2.7, 3); part of aws_clients.py, which imports it."""
from aws_harness import RUN, absent, aws, check, conflicts, equal, invalid, loose, pages

IN = {"domain": f"groups-{RUN}"}
NPM = {**IN, "packageGroup": "/npm/*"}
TYPES = ("PUBLISH", "EXTERNAL_UPSTREAM", "INTERNAL_UPSTREAM")


def patterns(answer):
    return [group["pattern"] for group in answer["packageGroups"]]


@check("CreatePackageGroup gives a whole description, which inherits everything from the root")
def _():
    aws.create_domain(**IN)
    for repository in ("one", "two", "three"):
        aws.create_repository(**IN, repository=repository)
    made = aws.create_package_group(**NPM, description="all of npm", contactInfo="us", tags=[{"key": "k", "value": "v"}])["packageGroup"]
    equal((made["pattern"], made["description"], made["contactInfo"], made["domainName"]), ("/npm/*", "all of npm", "us", IN["domain"]))
    equal(made["parent"]["pattern"], "/*")
    for kind in TYPES:
        restriction = made["originConfiguration"]["restrictions"][kind]
        equal((restriction["mode"], restriction["effectiveMode"], restriction["inheritedFrom"]["pattern"]), ("INHERIT", "ALLOW", "/*"))
    equal(aws.list_tags_for_resource(resourceArn=made["arn"])["tags"], [{"key": "k", "value": "v"}])
    for pattern in ("/npm/acme/*", "/npm/acme/ui~", "/npm/acme/api$"):
        aws.create_package_group(**IN, packageGroup=pattern)


@check("CreatePackageGroup refuses: taken, no pattern, no domain")
def _():
    conflicts(aws.create_package_group, "/npm/*", **NPM)
    for pattern in ("npm/*", "/npm", "/rpm/*", "/npm/a*", "/npm/@acme/*", "/pypi/space/*"):
        invalid(aws.create_package_group, **IN, packageGroup=pattern)
    invalid(loose.create_package_group, "'packageGroup'", "Member must not be null", **IN)
    absent(aws.create_package_group, kind="domain", domain=f"absent-{RUN}", packageGroup="/npm/*")


@check("DescribePackageGroup: parents by specificity, the root without one")
def _():
    root = aws.describe_package_group(**IN, packageGroup="/*")["packageGroup"]
    assert "parent" not in root, root
    child = aws.describe_package_group(**IN, packageGroup="/npm/acme/ui~")["packageGroup"]
    equal(child["parent"]["pattern"], "/npm/acme/*")
    absent(aws.describe_package_group, **IN, packageGroup="/npm/nobody/*")


@check("UpdatePackageGroup: what is left out stays")
def _():
    changed = aws.update_package_group(**NPM, description="other words")["packageGroup"]
    equal((changed["description"], changed["contactInfo"]), ("other words", "us"))
    invalid(loose.update_package_group, "'contactInfo'", **NPM, contactInfo="x" * 1001)
    absent(aws.update_package_group, **IN, packageGroup="/npm/nobody/*", description="x")


@check("UpdatePackageGroupOriginConfiguration: modes and lists in one call; children inherit at once")
def _():
    add = [{"repositoryName": name, "originRestrictionType": "PUBLISH"} for name in ("one", "two", "three")]
    answer = aws.update_package_group_origin_configuration(**NPM, restrictions={"PUBLISH": "ALLOW_SPECIFIC_REPOSITORIES", "EXTERNAL_UPSTREAM": "BLOCK"}, addAllowedRepositories=add)
    equal(sorted(answer["allowedRepositoryUpdates"]["PUBLISH"]["ADDED"]), ["one", "three", "two"])
    restrictions = answer["packageGroup"]["originConfiguration"]["restrictions"]
    equal((restrictions["PUBLISH"]["mode"], restrictions["PUBLISH"]["repositoriesCount"], restrictions["EXTERNAL_UPSTREAM"]["effectiveMode"]), ("ALLOW_SPECIFIC_REPOSITORIES", 3, "BLOCK"))
    below = aws.describe_package_group(**IN, packageGroup="/npm/acme/ui~")["packageGroup"]["originConfiguration"]["restrictions"]["EXTERNAL_UPSTREAM"]
    equal((below["mode"], below["effectiveMode"], below["inheritedFrom"]["pattern"]), ("INHERIT", "BLOCK", "/npm/*"))
    invalid(aws.update_package_group_origin_configuration, **IN, packageGroup="/*", restrictions={"PUBLISH": "INHERIT"})
    absent(aws.update_package_group_origin_configuration, kind="repository", **NPM, removeAllowedRepositories=[{"repositoryName": "nowhere", "originRestrictionType": "PUBLISH"}])


@check("ListAllowedRepositoriesForGroup in pages; a repository taken off the list is off")
def _():
    equal(pages(aws.list_allowed_repositories_for_group, "allowedRepositories", None, **NPM, originRestrictionType="PUBLISH"), ["one", "three", "two"])
    aws.update_package_group_origin_configuration(**NPM, removeAllowedRepositories=[{"repositoryName": "two", "originRestrictionType": "PUBLISH"}])
    equal(aws.list_allowed_repositories_for_group(**NPM, originRestrictionType="PUBLISH")["allowedRepositories"], ["one", "three"])
    invalid(loose.list_allowed_repositories_for_group, "'originRestrictionType'", **NPM, originRestrictionType="READ")


@check("ListPackageGroups and ListSubPackageGroups in pages")
def _():
    equal(pages(aws.list_package_groups, "packageGroups", "pattern", **IN), ["/*", "/npm/*", "/npm/acme/*", "/npm/acme/api$", "/npm/acme/ui~"])
    equal(patterns(aws.list_package_groups(**IN, prefix="/npm/acme")), ["/npm/acme/*", "/npm/acme/api$", "/npm/acme/ui~"])
    equal(pages(aws.list_sub_package_groups, "packageGroups", "pattern", **IN, packageGroup="/npm/acme/*"), ["/npm/acme/api$", "/npm/acme/ui~"])
    equal(patterns(aws.list_sub_package_groups(**IN, packageGroup="/*")), ["/npm/*"])
    absent(aws.list_sub_package_groups, **IN, packageGroup="/npm/nobody/*")


@check("ListAssociatedPackages in pages, strong and weak, and as a preview; GetAssociatedPackageGroup")
def _():
    for name in ("ui", "ui-kit", "UI", "api"):
        aws.put_package_origin_configuration(**IN, repository="one", format="npm", namespace="acme", package=name, restrictions={"publish": "ALLOW", "upstream": "BLOCK"})
    ui = {**IN, "packageGroup": "/npm/acme/ui~"}
    equal(sorted(pages(aws.list_associated_packages, "packages", "package", **ui)), ["UI", "ui", "ui-kit"])
    kinds = {item["package"]: item["associationType"] for item in aws.list_associated_packages(**ui)["packages"]}
    equal(kinds, {"ui": "STRONG", "ui-kit": "STRONG", "UI": "WEAK"})
    preview = aws.list_associated_packages(**IN, packageGroup="/npm/acme/ui-kit$", preview=True)["packages"]
    equal([item["package"] for item in preview], ["ui-kit"])
    absent(aws.list_associated_packages, **IN, packageGroup="/npm/acme/ui-kit$")
    of = aws.get_associated_package_group(**IN, format="npm", namespace="acme", package="anything")
    equal((of["packageGroup"]["pattern"], of["associationType"]), ("/npm/acme/*", "STRONG"))
    invalid(aws.get_associated_package_group, **IN, format="maven", package="no-namespace")


@check("DeletePackageGroup: children move up; the root stays")
def _():
    equal(aws.delete_package_group(**IN, packageGroup="/npm/acme/*")["packageGroup"]["pattern"], "/npm/acme/*")
    equal(aws.describe_package_group(**IN, packageGroup="/npm/acme/ui~")["packageGroup"]["parent"]["pattern"], "/npm/*")
    absent(aws.delete_package_group, **IN, packageGroup="/npm/acme/*")
    invalid(aws.delete_package_group, **IN, packageGroup="/*")
