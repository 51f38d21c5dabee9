"""Resource policies and tags through boto3 (spec 6.2, 10.6); part of aws_clients.py, which imports it."""
import json

from aws_harness import RUN, absent, aws, check, conflicts, equal, invalid, loose, refused

IN = {"domain": f"policies-{RUN}"}
TEAM = {**IN, "repository": "team"}


def document(action="codeartifact:ReadFromRepository"):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "111111111111"}, "Action": action, "Resource": "*"}]})


def policies(kind, where, other):
    """Put, Get, Delete of one kind of policy, with revisions; `other` is a place without one."""
    put, get, delete = (getattr(aws, f"{verb}_{kind}_permissions_policy") for verb in ("put", "get", "delete"))
    absent(get, **where)
    first = put(**where, policyDocument=document())["policy"]
    equal((first["resourceArn"].rsplit(":", 1)[1].split("/")[0], json.loads(first["document"])), (kind, json.loads(document())))
    equal(get(**where)["policy"], first)
    second = put(**where, policyDocument=document("codeartifact:*"), policyRevision=first["revision"])["policy"]
    assert second["revision"] != first["revision"], second
    conflicts(put, **where, policyDocument=document(), policyRevision=first["revision"])
    conflicts(delete, **where, policyRevision=first["revision"])
    equal(get(**where)["policy"], second)
    for text in ("{}", "no JSON", document("codeartifact:NoSuchAction"), document().replace("Allow", "Permit")):
        invalid(put, **where, policyDocument=text)
    invalid(getattr(loose, f"put_{kind}_permissions_policy"), "'policyDocument'", "Member must have length less than or equal to 7168", **where, policyDocument="x" * 7169)
    equal(delete(**where, policyRevision=second["revision"])["policy"], second)
    absent(get, **where)
    absent(delete, **where)
    absent(put, **other, policyDocument=document())


@check("PutDomainPermissionsPolicy, GetDomainPermissionsPolicy, DeleteDomainPermissionsPolicy under a revision lock")
def _():
    aws.create_domain(**IN)
    aws.create_repository(**TEAM)
    policies("domain", IN, {"domain": f"absent-{RUN}"})


@check("PutRepositoryPermissionsPolicy, GetRepositoryPermissionsPolicy, DeleteRepositoryPermissionsPolicy alike")
def _():
    policies("repository", TEAM, {**IN, "repository": "nowhere"})


@check("TagResource, ListTagsForResource, UntagResource for domains, repositories and package groups")
def _():
    arns = [aws.describe_domain(**IN)["domain"]["arn"], aws.describe_repository(**TEAM)["repository"]["arn"],
            aws.create_package_group(**IN, packageGroup="/npm/*")["packageGroup"]["arn"]]
    for arn in arns:
        equal(aws.list_tags_for_resource(resourceArn=arn)["tags"], [])
        aws.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "1"}, {"key": "b", "value": ""}])
        aws.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "2"}])
        equal(aws.list_tags_for_resource(resourceArn=arn)["tags"], [{"key": "a", "value": "2"}, {"key": "b", "value": ""}])
        aws.untag_resource(resourceArn=arn, tagKeys=["a", "never-there"])
        equal(aws.list_tags_for_resource(resourceArn=arn)["tags"], [{"key": "b", "value": ""}])
    missing = f"{arns[0]}-absent"
    absent(aws.list_tags_for_resource, resourceArn=missing)
    absent(aws.tag_resource, resourceArn=missing, tags=[{"key": "a", "value": "1"}])
    absent(aws.untag_resource, resourceArn=missing, tagKeys=["a"])
    invalid(aws.list_tags_for_resource, resourceArn="arn:aws:s3:::bucket")
    invalid(aws.tag_resource, resourceArn=arns[0], tags=[{"key": "a", "value": "1"}, {"key": "a", "value": "2"}])
    invalid(loose.tag_resource, "'tags.1.member.key'", resourceArn=arns[0], tags=[{"key": "k" * 129, "value": ""}])
    for count in range(0, 200, 50):
        call = {"resourceArn": arns[1], "tags": [{"key": f"k{count + i}", "value": "v"} for i in range(50)]}
        if count < 150:
            aws.tag_resource(**call)
        else:
            refused("ServiceQuotaExceededException", 402, aws.tag_resource, **call)
