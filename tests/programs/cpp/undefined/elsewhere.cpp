int elsewhere()
{
    return 0;
}
