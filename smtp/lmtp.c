/*
 * lmtp(8): delivers over LMTP.  The smtp_ members of its configuration hold the lmtp_ parameters.
 */
#include "agent.h"

int main(int argc, char **argv)
{
    return agent_main("lmtp", argc, argv);
}
