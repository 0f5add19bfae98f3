#include <bits/stdc++.h>
using namespace std;

int main()
{
    ios::sync_with_stdio(false);
    for (int i = 0; i < 100000; i++)
        cout << setw(9) << i << '\n';
}
