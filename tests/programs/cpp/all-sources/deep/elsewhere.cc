int elsewhere()
{
    return 11;
}
