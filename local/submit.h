/*
 * Members that are not delivered here go out as a new message of ours.
 */
#pragma once

#include "job.h"

/* Submit to cleanup what was collected in job->forwarded, one message for each sender. */
void submit_forwarded(struct job *job);
