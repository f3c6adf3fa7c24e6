"""The same for every profile of a config, one after the other."""

import configparser
import os

import oci

path = os.environ["OCI_CONFIG_FILE"]
profiles = configparser.ConfigParser()
profiles.read(path)
for profile in ["DEFAULT", *profiles.sections()]:
    config = oci.config.from_file(path, profile)
    client = oci.object_storage.ObjectStorageClient(config, service_endpoint=os.environ["ENDPOINT"])
    print(client.get_namespace().data)
