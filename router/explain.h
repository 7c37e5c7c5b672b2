/* A choice in words: the Decision's reason, and why each other candidate lost. */
#pragma once

#include "router/choose.h"

void explain_choice(const ChoiceInput *input, Decision *decision, int chosen);
