#ifndef KG_API_EXECUTE_H
#define KG_API_EXECUTE_H
#include "kernelgw/api/api.h"
#include "kernelgw/core/kernel.h"

/* Executes the cell in the request's body and answers with what it gave, at its end or as it comes. */
void kg_execute(struct kg_api *api, struct kg_http *req, struct kg_kernel *k);

#endif
