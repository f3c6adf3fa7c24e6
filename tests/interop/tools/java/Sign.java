import com.oracle.bmc.auth.ConfigFileAuthenticationDetailsProvider;
import com.oracle.bmc.objectstorage.ObjectStorageClient;
import com.oracle.bmc.objectstorage.requests.GetNamespaceRequest;

/** Signs in with what the environment alone says and prints the namespace. Argument: the endpoint. */
class Sign {
    public static void main(String[] arguments) throws Exception {
        var provider = new ConfigFileAuthenticationDetailsProvider((String) null);
        try (var client = ObjectStorageClient.builder().endpoint(arguments[0]).build(provider)) {
            System.out.println(client.getNamespace(GetNamespaceRequest.builder().build()).getValue());
        }
    }
}
