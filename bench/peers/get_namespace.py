"""The script that people write to see whether their credentials work, with the SDK."""

import os

import oci

config = oci.config.from_file(os.environ["OCI_CONFIG_FILE"])
oci.config.validate_config(config)
client = oci.object_storage.ObjectStorageClient(config, service_endpoint=os.environ["ENDPOINT"])
print(client.get_namespace().data)
