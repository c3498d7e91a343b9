#include "base/name_service.h"
#include "base/process.h"
#include "cli/command.h"
#include <signal.h>

int main(int argc, char **argv) {
  process_init(argc, argv);
  name_service_init();
  signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is told by errno, not by our end */
  return cli_main(argc, argv);
}
