/*
 * smtp(8): delivers over SMTP.
 */
#include "agent.h"

int main(int argc, char **argv)
{
    return agent_main("smtp", argc, argv);
}
