import java.util.ArrayList;
import java.util.Scanner;

/* A Java heap that stands still when told to: "churn N" allocates N arrays of 100 KB, of which one in ten is kept; "gc" collects. */
public class Churn {
    private static final ArrayList<byte[]> kept = new ArrayList<>();
    private static volatile byte[] last;

    public static void main(String[] arguments) {
        Scanner commands = new Scanner(System.in);
        System.out.println("ready");
        while (commands.hasNext()) {
            String command = commands.next();
            int count = command.equals("churn") ? commands.nextInt() : 0;
            for (int i = 0; i < count; i++) {
                last = new byte[100_000];
                if (i % 10 == 0) {
                    kept.add(last);
                }
            }
            if (command.equals("gc")) {
                System.gc();
            }
            System.out.println("done");
        }
    }
}
