from .wholeness import Broken


class Thrift:
    """As much of the compact protocol as it takes to reach field 3 (num_rows) of Parquet's FileMetaData."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def byte(self):
        if self.at >= len(self.data):
            raise Broken("the footer is cut")
        self.at += 1
        return self.data[self.at - 1]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def skip(self, kind):
        if kind in (1, 2):
            return
        if kind == 3:
            self.byte()
        elif kind in (4, 5, 6):
            self.varint()
        elif kind == 7:
            self.at += 8
        elif kind == 8:
            self.at += self.varint()
        elif kind in (9, 10):
            head = self.byte()
            count = head >> 4 if head >> 4 < 15 else self.varint()
            for _ in range(count):
                if head & 15 in (1, 2):
                    self.byte()
                else:
                    self.skip(head & 15)
        elif kind == 11:
            count = self.varint()
            kinds = self.byte() if count else 0
            for _ in range(count):
                self.skip(kinds >> 4)
                self.skip(kinds & 15)
        elif kind == 12:
            for _, inner in self.fields():
                self.skip(inner)
        else:
            raise Broken(f"unknown type {kind} in the footer")

    def fields(self):
        number = 0
        while True:
            head = self.byte()
            if head == 0:
                return
            if head >> 4:
                number += head >> 4
            else:
                zigzag = self.varint()
                number = (zigzag >> 1) ^ -(zigzag & 1)
            yield number, head & 15

    def parquet_rows(self):
        for number, kind in self.fields():
            if number == 3:
                zigzag = self.varint()
                return (zigzag >> 1) ^ -(zigzag & 1)
            self.skip(kind)
        raise Broken("the footer has no row count")
