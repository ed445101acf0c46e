import java.io.BufferedReader;
import java.io.InputStreamReader;
import org.apache.rocketmq.tools.command.MQAdminStartup;

/**
 * Runs many mqadmin commands in one virtual machine: one command a line on standard input, words
 * separated by tabs. The output of each follows a line that repeats it.
 */
public class AdminRunner {
    public static void main(String[] unused) throws Exception {
        System.setErr(System.out);
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
        String line;
        while ((line = commands.readLine()) != null) {
            System.out.println("@@@ " + line);
            MQAdminStartup.main0(line.split("\t"), null);
            System.out.println();
            System.out.println("@@@");
            System.out.flush();
        }
        // Clients of the commands may leave threads behind.
        System.exit(0);
    }
}
