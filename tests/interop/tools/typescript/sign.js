// Signs in with what the environment alone says and prints the namespace. Argument: the endpoint.
const common = require("oci-common");
const objectstorage = require("oci-objectstorage");

async function main() {
  const provider = new common.ConfigFileAuthenticationDetailsProvider();
  const client = new objectstorage.ObjectStorageClient({ authenticationDetailsProvider: provider });
  client.endpoint = process.argv[2];
  const answer = await client.getNamespace({});
  console.log(answer.value);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
