"""Signs in with what the environment alone says and prints the namespace. Argument: the endpoint."""

import sys

import oci

client = oci.object_storage.ObjectStorageClient(oci.config.from_file(), service_endpoint=sys.argv[1])
print(client.get_namespace().data)
