#ifndef KG_API_COOKIES_H
#define KG_API_COOKIES_H
/* What a browser keeps for this server: the cookie that stands for the token, and _xsrf, which its pages repeat. */
#include "kernelgw/api/api.h"
#include "kernelgw/api/auth.h"

/* What the request says of itself, but for a token in its path. Pointers live as long as the request. */
struct kg_auth_request kg_request_auth(const struct kg_http *req);
/* Answers 403 with what was missing. */
void kg_api_refuse(struct kg_api *api, struct kg_http *req, enum kg_auth_verdict verdict);

/* Into the answer: the cookie that stands for who's token, or its end. */
void kg_cookie_give(const struct kg_api *api, struct kg_http *req, const struct kg_user *who);
void kg_cookie_take(const struct kg_api *api, struct kg_http *req);
/* The value of _xsrf that the browser has, or a new one, which goes into the answer. free() it. */
char *kg_cookie_xsrf(const struct kg_api *api, struct kg_http *req);

#endif
