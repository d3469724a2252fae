/*
 * The rim of smtpd: it reads what has come, gives the session line after line,
 * writes what the session appended, and knows nothing of SMTP.
 */
#pragma once

#include "service/service.h"

enum turn client_greet(struct client *client);
enum turn client_turn(struct client *client);
void client_expired(struct client *client);
void client_closing(struct client *client);
void client_leave(struct client *client);
