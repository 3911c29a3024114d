#!/bin/sh
# Runs once at each start: the bucket, and a key that reaches this bucket and nothing else.
set -eu
: "${S3_BUCKET:?is missing}" "${S3_ACCESS_KEY_ID:?is missing}" "${S3_SECRET_ACCESS_KEY:?is missing}"
mc mb --quiet --ignore-existing "vault/$S3_BUCKET"
mc anonymous set none "vault/$S3_BUCKET"
cat > /tmp/policy.json <<JSON
{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:GetBucketLocation"],
     "Resource": ["arn:aws:s3:::$S3_BUCKET"]},
    {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload",
     "s3:ListMultipartUploadParts"], "Resource": ["arn:aws:s3:::$S3_BUCKET/*"]}
  ]
}
JSON
mc admin policy create vault docuvault /tmp/policy.json
printf '%s\n%s\n' "$S3_ACCESS_KEY_ID" "$S3_SECRET_ACCESS_KEY" | mc admin user add vault
# Attaching it again is refused, so what counts is that it is attached in the end.
mc admin policy attach vault docuvault --user "$S3_ACCESS_KEY_ID" || true
case "$(mc admin user info vault "$S3_ACCESS_KEY_ID")" in
  *docuvault*) ;;
  *) echo "the key $S3_ACCESS_KEY_ID did not get its policy" >&2; exit 1 ;;
esac
