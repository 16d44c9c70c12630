import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.opensearch.common.settings.Settings;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.plugins.Plugin;

/** OpenSearch of one node, as the public image starts it: settings are environment variables whose names have a dot. */
public final class Server extends Node {
    private static final List<String> MODULES = List.of(
            "org.opensearch.transport.Netty4Plugin",
            "org.opensearch.analysis.common.CommonAnalysisPlugin",
            "org.opensearch.index.reindex.ReindexPlugin",
            "org.opensearch.painless.PainlessPlugin",
            "org.opensearch.index.mapper.MapperExtrasPlugin");

    private Server(Settings settings, List<Class<? extends Plugin>> modules) {
        super(InternalSettingsPreparer.prepareEnvironment(settings, Map.of(), null, () -> "node"), modules, false);
    }

    public static void main(String[] home) throws Exception {
        Server server = new Server(settings(home[0]), MODULES.stream().<Class<? extends Plugin>>map(Server::module).toList());
        CountDownLatch ended = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> end(server, ended)));
        server.start();
        ended.await(); // the node's own threads keep no process alive
    }

    private static Settings settings(String home) {
        Settings.Builder settings = Settings.builder()
                .put("path.home", home)
                .put("path.data", Path.of(home, "data"))
                .put("node.name", "node")
                .put("network.host", "0.0.0.0")
                .put("transport.port", 0)
                .put("http.type", "netty4")
                .put("transport.type", "netty4")
                .put("discovery.type", "single-node");
        System.getenv().forEach((name, value) -> {
            if (name.contains(".")) {
                settings.put(name, value);
            }
        });
        return settings.build();
    }

    private static Class<? extends Plugin> module(String name) {
        try {
            return Class.forName(name).asSubclass(Plugin.class);
        } catch (ClassNotFoundException missing) {
            throw new IllegalStateException(missing);
        }
    }

    private static void end(Server server, CountDownLatch ended) {
        try {
            server.close();
        } catch (Exception failed) {
            failed.printStackTrace();
        }
        ended.countDown();
    }
}
