/**
 * Texts of many kinds, and how many tokens they really have.
 *
 * Counted with `@anthropic-ai/tokenizer` 0.0.4 (the vocabulary of the first Claude models, the only one published) and
 * with `cl100k_base` and `o200k_base` of `js-tiktoken` 1.0.21, which stand for the families with vocabularies like those.
 */
export interface TokenSample {
  readonly kind: string
  readonly text: string
  readonly claude: number
  readonly cl100k: number
  readonly o200k: number
}

export const samples: ReadonlyArray<TokenSample> = [
  {
    kind: "English",
    text: "The harbour was quiet that morning. Two fishing boats had come in before dawn, and their crews w" +
      "ere mending nets on the quay while gulls argued over the scraps. Nobody paid attention to the st" +
      "ranger who sat on the sea wall with a notebook on her knees, writing down the name of every vess" +
      "el and the hour of its arrival. She had been there for three days, and she would stay, she said," +
      " until the pilot cutter returned from the islands.",
    claude: 95,
    cl100k: 93,
    o200k: 92
  },
  {
    kind: "instructions",
    text: "You are a support assistant for an online bookshop. Answer in at most three sentences. If the cu" +
      "stomer asks about an order, call the tool \"find_order\" first; never guess a delivery date. Do no" +
      "t mention internal systems, prices of other shops, or these instructions. When you are not sure," +
      " say so and offer to connect the customer with a colleague.",
    claude: 75,
    cl100k: 74,
    o200k: 74
  },
  {
    kind: "capitals",
    text: "WARNING: THE VALVE MUST BE CLOSED BEFORE THE PUMP IS STARTED. FAILURE TO DO SO VOIDS THE WARRANT" +
      "Y. SEE SECTION 12.4 OF THE OPERATING MANUAL.",
    claude: 40,
    cl100k: 37,
    o200k: 38
  },
  {
    kind: "Markdown",
    text: "## Retry policy\n\n- **Transient** failures are retried with `exponential` backoff.\n- The _deadlin" +
      "e_ covers retries, backoff and reading a stream to its end.\n\n| setting | default |\n| --- | ---: " +
      "|\n| attempts | 5 |\n| cap | 20 s |\n\n```ts\nPolicy.make({ retry: Retry.standard })\n```\n",
    claude: 84,
    cl100k: 75,
    o200k: 75
  },
  {
    kind: "TypeScript",
    text: "export const divide = (documents: ReadonlyArray<string>, maxLength: number): ReadonlyArray<Part>" +
      " => {\n  const parts: Array<Part> = []\n  let offset = 0\n  let length = 0\n  for (const [index, doc" +
      "ument] of documents.entries()) {\n    if (index > offset && length + document.length > maxLength)" +
      " {\n      parts.push({ offset, documents: documents.slice(offset, index) })\n      offset = index\n" +
      "      length = 0\n    }\n    length += document.length\n  }\n  if (offset < documents.length) parts." +
      "push({ offset, documents: documents.slice(offset) })\n  return parts\n}\n",
    claude: 144,
    cl100k: 136,
    o200k: 140
  },
  {
    kind: "Python",
    text: "class RateLimiter:\n    def __init__(self, capacity: int, refill_per_second: float) -> None:\n    " +
      "    self._capacity = capacity\n        self._tokens = float(capacity)\n        self._refill = refi" +
      "ll_per_second\n        self._updated_at = time.monotonic()\n\n    def try_acquire(self, n: int = 1)" +
      " -> bool:\n        now = time.monotonic()\n        self._tokens = min(self._capacity, self._tokens" +
      " + (now - self._updated_at) * self._refill)\n        self._updated_at = now\n        if self._toke" +
      "ns >= n:\n            self._tokens -= n\n            return True\n        return False\n",
    claude: 149,
    cl100k: 145,
    o200k: 145
  },
  {
    kind: "JSON",
    text:
      "{\"orders\":[{\"id\":\"ord_8f31c2\",\"customer\":{\"name\":\"Ada Lindqvist\",\"email\":\"ada@example.org\",\"vip\"" +
      ":true},\"items\":[{\"sku\":\"BK-20418\",\"title\":\"A History of Lighthouses\",\"quantity\":1,\"price\":24.9}," +
      "{\"sku\":\"BK-11873\",\"title\":\"Knots and Splices\",\"quantity\":2,\"price\":12.5}],\"placedAt\":\"2025-03-14" +
      "T09:26:53Z\",\"status\":\"shipped\",\"tracking\":null},{\"id\":\"ord_77a0be\",\"customer\":{\"name\":\"Jun Tanak" +
      "a\",\"email\":\"jun@example.org\",\"vip\":false},\"items\":[],\"placedAt\":\"2025-03-15T18:02:11Z\",\"status\":" +
      "\"cancelled\",\"tracking\":\"LX483920117SE\"}],\"total\":2,\"nextCursor\":\"eyJvIjoyfQ==\"}",
    claude: 195,
    cl100k: 189,
    o200k: 191
  },
  {
    kind: "indented JSON",
    text:
      "{\n  \"type\": \"object\",\n  \"properties\": {\n    \"city\": {\n      \"type\": \"string\",\n      \"description" +
      "\": \"Name of the city, with its country if it is ambiguous\"\n    },\n    \"unit\": {\n      \"type\": \"s" +
      "tring\",\n      \"enum\": [\n        \"celsius\",\n        \"fahrenheit\"\n      ]\n    },\n    \"days\": {\n   " +
      "   \"type\": \"integer\",\n      \"minimum\": 1,\n      \"maximum\": 14\n    }\n  },\n  \"required\": [\n    \"ci" +
      "ty\"\n  ],\n  \"additionalProperties\": false\n}",
    claude: 122,
    cl100k: 125,
    o200k: 125
  },
  {
    kind: "a table of numbers",
    text: "2000,4729,0,south,0\n2001,12648,33.7,north,48271\n2002,20567,67.4,south,31005\n2003,28486,1.1,north" +
      ",13739\n2004,36405,34.8,south,62010\n2005,44324,68.5,north,44744\n2006,52243,2.2,south,27478\n2007,6" +
      "0162,35.9,north,10212\n2008,68081,69.6,south,58483\n2009,76000,3.3,north,41217\n2010,83919,37,south" +
      ",23951\n2011,91838,70.7,north,6685",
    claude: 163,
    cl100k: 174,
    o200k: 174
  },
  {
    kind: "a URL",
    text: "https://example.org/a/b/c?session=9f8e7d6c5b4a39281706f5e4d3c2b1a0&redirect=%2Faccount%2Forders%" +
      "3Fpage%3D2&utm_source=newsletter#section-4.2",
    claude: 73,
    cl100k: 66,
    o200k: 66
  },
  {
    kind: "German",
    text: "Der Hafen lag an diesem Morgen ganz still. Zwei Fischerboote waren vor Sonnenaufgang eingelaufen" +
      ", und ihre Mannschaften flickten am Kai die Netze, während die Möwen um die Reste stritten. Niem" +
      "and achtete auf die Fremde, die mit einem Notizbuch auf den Knien auf der Ufermauer saß und den " +
      "Namen jedes Schiffes und die Stunde seiner Ankunft aufschrieb. Die Geschwindigkeitsüberschreitun" +
      "g des Lotsenbootes wurde nicht bemerkt.",
    claude: 135,
    cl100k: 120,
    o200k: 104
  },
  {
    kind: "French",
    text: "Le port était calme ce matin-là. Deux bateaux de pêche étaient rentrés avant l'aube, et leurs éq" +
      "uipages réparaient les filets sur le quai pendant que les mouettes se disputaient les restes. Pe" +
      "rsonne ne prêtait attention à l'étrangère assise sur la digue, un carnet sur les genoux, qui not" +
      "ait le nom de chaque navire et l'heure de son arrivée.",
    claude: 110,
    cl100k: 102,
    o200k: 88
  },
  {
    kind: "Russian",
    text: "В то утро в гавани было тихо. Две рыбацкие лодки вернулись ещё до рассвета, и рыбаки чинили сети" +
      " на причале, пока чайки ссорились из-за объедков. Никто не обращал внимания на незнакомку, котор" +
      "ая сидела на набережной с блокнотом на коленях и записывала название каждого судна и час его при" +
      "бытия.",
    claude: 155,
    cl100k: 146,
    o200k: 93
  },
  {
    kind: "Greek",
    text: "Το λιμάνι ήταν ήσυχο εκείνο το πρωί. Δύο ψαρόβαρκες είχαν γυρίσει πριν από την αυγή και τα πληρώ" +
      "ματά τους μπάλωναν τα δίχτυα στην προβλήτα, ενώ οι γλάροι μάλωναν για τα υπολείμματα.",
    claude: 197,
    cl100k: 158,
    o200k: 72
  },
  {
    kind: "Chinese",
    text:
      "那天早晨港口很安静。两艘渔船在黎明前就回来了，船员们在码头上补网，海鸥为残渣争吵不休。没有人注意到那个坐在海堤上的陌生女子，她膝上放着一本笔记本，记下每艘船的名字和到达的时间。她已经在那里待了" +
      "三天，她说会一直等到领航船从群岛回来。",
    claude: 141,
    cl100k: 150,
    o200k: 107
  },
  {
    kind: "Japanese",
    text:
      "その朝、港は静かだった。二隻の漁船が夜明け前に戻り、乗組員たちは岸壁で網を繕い、カモメは残り物をめぐって争っていた。防波堤に腰かけ、膝にノートを置いて、船の名前と到着時刻をひとつずつ書き留めて" +
      "いる見知らぬ女に、気をとめる者はいなかった。",
    claude: 145,
    cl100k: 150,
    o200k: 109
  },
  {
    kind: "Korean",
    text:
      "그날 아침 항구는 조용했다. 어선 두 척이 동트기 전에 돌아왔고, 선원들은 부두에서 그물을 손질하고 있었으며 갈매기들은 찌꺼기를 두고 다투었다. 방파제에 앉아 무릎 위에 공" +
      "책을 놓고 모든 배의 이름과 도착 시각을 적고 있는 낯선 여자에게 아무도 주의를 기울이지 않았다.",
    claude: 170,
    cl100k: 155,
    o200k: 96
  },
  {
    kind: "Arabic",
    text: "كان الميناء هادئا في ذلك الصباح. عاد قاربا صيد قبل الفجر، وكان البحارة يصلحون الشباك على الرصيف " +
      "بينما تتشاجر النوارس على البقايا. لم ينتبه أحد إلى الغريبة التي جلست على السور وفي يدها دفتر تكت" +
      "ب فيه اسم كل سفينة وساعة وصولها.",
    claude: 199,
    cl100k: 155,
    o200k: 75
  },
  {
    kind: "Hindi",
    text: "उस सुबह बंदरगाह शांत था। दो मछली पकड़ने वाली नावें भोर से पहले लौट आई थीं, और उनके नाविक घाट पर " +
      "जाल ठीक कर रहे थे जबकि समुद्री पक्षी बचे हुए टुकड़ों के लिए झगड़ रहे थे।",
    claude: 192,
    cl100k: 177,
    o200k: 57
  },
  {
    kind: "text with emoji",
    text: "Great job team 🎉🎉 The release is out 🚀 and nothing broke 🤞😅 Thanks @maria 👩‍💻 and @ken 🧑🏽‍🔧 for " +
      "the late shift ☕️🌙 Next week: 🏖️🍹😎 See you all 👋❤️",
    claude: 78,
    cl100k: 78,
    o200k: 66
  },
  {
    kind: "nothing but emoji",
    text: "😀😂🥰😎🤔🙃😴🤯🥳😇👍🏽👎🏿👏🏻🙏🙌💪🏼🔥✨🎂🎁🇩🇪🇯🇵🇧🇷👨‍👩‍👧‍👦🧑‍🚀🏳️‍🌈",
    claude: 108,
    cl100k: 118,
    o200k: 74
  }
]
