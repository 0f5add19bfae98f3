int weird();
