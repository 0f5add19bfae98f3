"""Documents that tests make themselves."""


def pdf(*pages, catalogue=""):
    """A document with a line of text and a black square on each page."""
    objects = {1: f"<< /Type /Catalog /Pages 2 0 R {catalogue} >>",
               2: f"<< /Type /Pages /Count {len(pages)} /Kids [{' '.join(f'{4 + 2 * i} 0 R' for i in range(len(pages)))}] >>",
               3: "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"}
    for i, text in enumerate(pages):
        drawing = f"0 0 0 rg 200 100 100 100 re f BT /F1 24 Tf 40 300 Td ({text}) Tj ET"
        objects[4 + 2 * i] = f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 400] /Contents {5 + 2 * i} 0 R /Resources << /Font << /F1 3 0 R >> >> >>"
        objects[5 + 2 * i] = f"<< /Length {len(drawing)} >>\nstream\n{drawing}\nendstream"
    out, at = "%PDF-1.7\n", {}
    for number, body in objects.items():
        at[number] = len(out)
        out += f"{number} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{at[n]:010} 00000 n \n" for n in objects)
    return (out + f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF\n").encode()
