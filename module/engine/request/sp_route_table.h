
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the tables of routes and their lookup share. Private
 * to the engine.
 */


#ifndef SP_ROUTE_TABLE_H
#define SP_ROUTE_TABLE_H


#include "sp_route.h"


#define SP_PATHS_MAX  256


#endif /* SP_ROUTE_TABLE_H */
